#pragma once
// Which way leads to an origin. Pure.

#include <wale/http/client.hpp>
#include <wale/http/url.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace wale::http {

struct proxy {
  http::origin origin;
  std::string authorization; ///< value of Proxy-Authorization; empty for none; a secret
};

struct route {
  origin to;
  std::optional<proxy> via;

  /// TLS goes through a tunnel; plain requests are told to the proxy itself.
  bool tunnels() const { return via && to.secure(); }
  /// For people: the origin and, in parentheses, the proxy.
  std::string text() const;
};

/// `http://user:password@host:port`, of which scheme, user and port may be missing. Throws
/// kind::configuration without showing the user.
proxy parse_proxy(std::string_view text);

/// Whether a NO_PROXY list names this origin: `*`; a name, also for those below it, with or without
/// a leading dot; an address; a network as `10.0.0.0/8`; each perhaps with a port.
bool is_direct(std::string_view no_proxy, const origin& to);

route find_route(const client_options& options, const origin& to, bool direct);

} // namespace wale::http
