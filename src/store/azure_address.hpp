#pragma once
// Where a container is: from the prefix URL, the account and WALE_WABS_ENDPOINT to an origin and
// the request target of a blob. Pure.

#include <wale/http/url.hpp>

#include <string>
#include <string_view>

namespace wale::store {

/// `wabs://container/prefix` taken apart.
struct azure_location {
  std::string container;
  std::string prefix; ///< no slash in front, exactly one at the end, empty for a bare container
};

/// Throws kind::configuration if it is no such URL or names no container.
azure_location parse_wabs_url(std::string_view prefix_url);

/// What addressing depends on.
struct azure_settings {
  std::string account;
  std::string container;
  std::string endpoint; ///< WALE_WABS_ENDPOINT; empty if not set
};

class azure_address {
public:
  /// `https://ACCOUNT.blob.core.windows.net`, or the endpoint, whose path is kept: emulators carry
  /// the account in it. Throws kind::configuration.
  static azure_address resolve(const azure_settings& settings);

  const http::origin& origin() const noexcept { return origin_; }
  /// Path of a request about a blob, encoded.
  std::string target(std::string_view key) const;
  /// Path of a request about the container.
  const std::string& container_target() const noexcept { return path_; }

private:
  azure_address() = default;

  http::origin origin_;
  std::string path_;
};

} // namespace wale::store
