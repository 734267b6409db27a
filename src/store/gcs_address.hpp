#pragma once
// Where a bucket of Google Cloud Storage is: from the prefix URL, STORAGE_EMULATOR_HOST and
// WALE_GS_ENDPOINT to an origin and the request targets of the JSON API. Pure. Source: Cloud
// Storage documentation, "JSON API request endpoints".

#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <string>
#include <string_view>

namespace wale::store {

/// `gs://bucket/prefix` taken apart.
struct gcs_location {
  std::string bucket;
  /// What names of objects begin with. As WAL-E has it: a slash in front, always, and one at the
  /// end.
  std::string root;
};

/// Throws kind::configuration if it is no gs URL or names no bucket.
gcs_location parse_gs_url(std::string_view prefix_url);

struct gcs_settings {
  std::string bucket;
  std::string emulator; ///< STORAGE_EMULATOR_HOST: a URL, or host:port; empty if not set
  std::string endpoint; ///< WALE_GS_ENDPOINT: a URL; empty if not set
};

class gcs_address {
public:
  /// Throws kind::configuration.
  static gcs_address resolve(const gcs_settings& settings);

  const http::origin& origin() const noexcept { return origin_; }
  /// Emulators take requests without a token.
  bool wants_token() const noexcept { return wants_token_; }

  /// Of one object.
  std::string target(std::string_view key) const;
  /// Of the objects of the bucket.
  std::string bucket_target() const;
  /// Where objects go.
  std::string upload_target() const;

private:
  http::origin origin_;
  std::string path_; ///< no slash at the end
  std::string bucket_;
  bool wants_token_ = true;
};

} // namespace wale::store
