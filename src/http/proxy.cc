// Proxies from settings, as curl and Go read the same variables.
#include "proxy.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/error.hpp>
#include <wale/http/message.hpp>

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>
#include <vector>

namespace wale::http {
namespace {

struct address_bytes {
  std::array<unsigned char, 16> bytes = {};
  unsigned bits = 0; ///< 32 or 128; 0: no address
};

address_bytes address_in(std::string_view text) {
  const std::string name(text);
  address_bytes a;
  if (::inet_pton(AF_INET, name.c_str(), a.bytes.data()) == 1) {
    a.bits = 32;
  } else if (::inet_pton(AF_INET6, name.c_str(), a.bytes.data()) == 1) {
    a.bits = 128;
  }
  return a;
}

bool is_in_network(const address_bytes& host, const address_bytes& network, unsigned prefix) {
  if (host.bits == 0 || host.bits != network.bits || prefix > host.bits) return false;
  if (std::memcmp(host.bytes.data(), network.bytes.data(), prefix / 8) != 0) return false;
  if (prefix % 8 == 0) return true;
  const unsigned mask = (0xff00U >> (prefix % 8)) & 0xff;
  return ((host.bytes[prefix / 8] ^ network.bytes[prefix / 8]) & mask) == 0;
}

unsigned number_in(std::string_view text, unsigned otherwise) {
  unsigned n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && end == text.data() + text.size() ? n : otherwise;
}

/// Cuts `:port` off. False if there is one and it is another's.
bool takes_port(std::string_view& entry, std::uint16_t port) {
  std::size_t colon = entry.rfind(':');
  if (entry.starts_with('[')) {
    const std::size_t end = entry.find(']');
    if (end == std::string_view::npos) return false;
    colon = end + 1 < entry.size() ? end + 1 : std::string_view::npos;
    const bool matches =
        colon == std::string_view::npos || number_in(entry.substr(colon + 1), 0) == port;
    entry = entry.substr(1, end - 1);
    return matches;
  }
  if (colon == std::string_view::npos || entry.find(':') != colon)
    return true; // a bare IPv6 address
  const bool matches = number_in(entry.substr(colon + 1), 0) == port;
  entry = entry.substr(0, colon);
  return matches;
}

bool names(std::string_view entry, const origin& to) {
  if (entry == "*") return true;
  if (const std::size_t slash = entry.find('/'); slash != std::string_view::npos) {
    const address_bytes network = address_in(entry.substr(0, slash));
    return is_in_network(address_in(to.host), network, number_in(entry.substr(slash + 1), 129));
  }
  if (!takes_port(entry, to.port)) return false;
  const address_bytes address = address_in(entry);
  if (address.bits) return is_in_network(address_in(to.host), address, address.bits);
  while (entry.starts_with('.'))
    entry.remove_prefix(1);
  if (entry.empty() || address_in(to.host).bits) return false;
  if (same_name(entry, to.host)) return true;
  if (to.host.size() <= entry.size()) return false;
  const std::size_t at = to.host.size() - entry.size();
  return to.host[at - 1] == '.' && same_name(std::string_view(to.host).substr(at), entry);
}

} // namespace

std::string route::text() const {
  return via ? to.text() + " (through the proxy " + via->origin.text() + ")" : to.text();
}

proxy parse_proxy(std::string_view text) {
  const bool has_scheme = text.find("://") != std::string_view::npos;
  const std::string whole = has_scheme ? std::string(text) : "http://" + std::string(text);
  proxy result;
  try {
    const url parsed = parse_url(whole);
    result.origin = parsed.origin;
    if (!parsed.userinfo.empty()) {
      // RFC 7617; a password may hold what a URL must encode.
      const std::string user = percent_decode(parsed.userinfo);
      result.authorization = "Basic " + to_base64(user.find(':') < user.size() ? user : user + ":");
    }
  } catch (const failure& f) {
    throw failure(
        kind::configuration,
        "a proxy's URL cannot be understood",
        f.text().detail,
        "Look at HTTP_PROXY and HTTPS_PROXY, in lower case too, which wins: they must look like "
        "http://host:port.");
  }
  if (result.origin.secure())
    throw failure(
        kind::configuration,
        "a proxy that is itself spoken to with TLS is not supported",
        "The proxy is \"" + result.origin.text() + "\".",
        "Set HTTP_PROXY and HTTPS_PROXY, or those in lower case, which win, to an http:// URL.");
  return result;
}

bool is_direct(std::string_view no_proxy, const origin& to) {
  while (!no_proxy.empty()) {
    const std::size_t begin = no_proxy.find_first_not_of(", \t");
    if (begin == std::string_view::npos) return false;
    no_proxy.remove_prefix(begin);
    const std::size_t end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
    if (names(no_proxy.substr(0, end), to)) return true;
    no_proxy.remove_prefix(end);
  }
  return false;
}

route find_route(const client_options& options, const origin& to, bool direct) {
  route r;
  r.to = to;
  const std::string& via = to.secure() ? options.https_proxy : options.http_proxy;
  if (!direct && !via.empty() && !is_direct(options.no_proxy, to)) r.via = parse_proxy(via);
  return r;
}

} // namespace wale::http
