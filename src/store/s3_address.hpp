#pragma once
// Where a bucket is: from the prefix URL, AWS_REGION and WALE_S3_ENDPOINT to an origin, the way of
// addressing, the region to sign for, and the request target of a key. Pure.

#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

/// `s3://bucket/prefix` taken apart.
struct s3_location {
  std::string bucket;
  std::string prefix; ///< no slash in front, exactly one at the end, empty for a bare bucket
};

/// Throws kind::configuration if it is no s3 URL or names no bucket.
s3_location parse_s3_url(std::string_view prefix_url);

/// What addressing depends on; empty if not set.
struct s3_settings {
  std::string bucket;
  std::string region;          ///< AWS_REGION
  std::string endpoint;        ///< WALE_S3_ENDPOINT
  bool prefer_virtual = false; ///< a plain URL as endpoint: address as BUCKET.HOST where that fits
};

class s3_address {
public:
  /// Throws kind::configuration with WAL-E's words.
  static s3_address resolve(s3_settings settings);

  const http::origin& origin() const noexcept { return origin_; }
  /// To sign for.
  const std::string& region() const noexcept { return region_; }
  /// False if it was guessed, because neither AWS_REGION nor the host's name tells it.
  bool region_is_known() const noexcept { return region_is_known_; }
  bool bucket_in_path() const noexcept { return bucket_in_path_; }
  /// On Amazon's own hosts, whose features are known.
  bool is_amazon() const noexcept { return is_amazon_; }
  /// A record that belongs at level WARNING, if settings contradict each other.
  const std::optional<explanation>& warning() const noexcept { return warning_; }

  /// Path of a request about a key, encoded.
  std::string target(std::string_view key) const;
  /// Path of a request about the bucket.
  std::string bucket_target() const;

  /// The same bucket in the region that the server named; the host follows it where it was chosen
  /// by the region and not by WALE_S3_ENDPOINT.
  s3_address in_region(std::string region) const;

private:
  s3_address() = default;
  void choose_amazon_host();
  void use_endpoint();

  s3_settings settings_;
  http::origin origin_;
  std::string path_;
  std::string region_;
  bool region_is_known_ = false;
  bool bucket_in_path_ = false;
  bool is_amazon_ = false;
  std::optional<explanation> warning_;
};

/// Whether the name can be a label in front of a host: 3 to 63 characters, lower case, none of the
/// shapes that S3 or DNS forbid. Dots are allowed here; a wildcard certificate does not match them.
bool fits_subdomain(std::string_view bucket);

} // namespace wale::store
