#pragma once
// URLs and percent-encoding (RFC 3986), as far as object stores need them. Pure.

#include <cstdint>
#include <string>
#include <string_view>

namespace wale::http {

/// Who is spoken to: scheme `http` or `https`, a host name or an address without brackets, a port.
struct origin {
  std::string scheme;
  std::string host;
  std::uint16_t port = 0;

  bool secure() const noexcept { return scheme == "https"; }
  /// `host`, or `host:port` where the port is not the scheme's own; IPv6 in brackets.
  std::string authority() const;
  /// `scheme://authority`.
  std::string text() const;
  bool operator==(const origin&) const = default;
};

struct url {
  http::origin origin;
  std::string path;     ///< begins with a slash, still encoded; `/` if the URL has none
  std::string query;    ///< without the question mark, still encoded
  std::string userinfo; ///< still encoded; a secret
};

/// An absolute http or https URL. Throws kind::configuration, without showing a userinfo.
url parse_url(std::string_view text);

/// Encodes everything but the unreserved characters `A-Z a-z 0-9 - . _ ~`, and slashes if
/// `keep_slashes`. Upper-case digits, as SigV4 wants them.
std::string percent_encode(std::string_view text, bool keep_slashes = false);
/// Throws kind::corrupt for a percent sign without two hexadecimal digits behind it.
std::string percent_decode(std::string_view text);

} // namespace wale::http
