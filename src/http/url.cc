// RFC 3986, as much of it as an http URL and an object's key need.
#include <wale/base/ascii.hpp>
#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>

namespace wale::http {
namespace {

constexpr std::uint16_t port_of(std::string_view scheme) {
  return scheme == "https" ? 443 : 80; // RFC 9110, 4.2.1 and 4.2.2
}

// The text may hold a userinfo: it is not shown.
[[noreturn]] void refuse(const char* why) {
  throw failure(
      kind::configuration,
      "a URL cannot be understood",
      why,
      "It must look like http://host:port/path or https://host:port/path.");
}

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// reg-name without sub-delims; underscores are in use.
bool is_host_character(char c) {
  return is_unreserved(c) && c != '~';
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint16_t parse_port(std::string_view text, std::uint16_t otherwise) {
  if (text.empty()) return otherwise;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0)
    refuse("Its port is not a number from 1 to 65535.");
  return port;
}

/// `host`, `host:port`, `[address]`, `[address]:port`.
void parse_authority(std::string_view text, origin& into) {
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) refuse("Its IPv6 address has no closing bracket.");
    into.host = lower_case(text.substr(1, end - 1));
    in6_addr address;
    if (::inet_pton(AF_INET6, into.host.c_str(), &address) != 1)
      refuse("What it has in brackets is no IPv6 address.");
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') refuse("Something follows its IPv6 address.");
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    into.host = lower_case(text.substr(0, colon));
    if (into.host.empty()) refuse("It has no host.");
    if (!std::all_of(into.host.begin(), into.host.end(), is_host_character))
      refuse("Its host holds a character that names of hosts do not have.");
    port = text.substr(colon);
  }
  if (!port.empty()) port.remove_prefix(1);
  into.port = parse_port(port, port_of(into.scheme));
}

bool is_target_character(char c) {
  return c > ' ' && c != 0x7f;
}

} // namespace

std::string origin::authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port != port_of(scheme)) text += ":" + std::to_string(port);
  return text;
}

std::string origin::text() const {
  return scheme + "://" + authority();
}

url parse_url(std::string_view text) {
  url result;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) refuse("It has no scheme.");
  result.origin.scheme = lower_case(text.substr(0, colon));
  if (result.origin.scheme != "http" && result.origin.scheme != "https")
    refuse("Its scheme is neither http nor https.");
  text.remove_prefix(colon + 3);

  const std::size_t slash = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, slash);
  std::string_view rest = text.substr(slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    result.userinfo = std::string(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  }
  parse_authority(authority, result.origin);

  rest = rest.substr(0, rest.find('#'));
  if (!std::all_of(rest.begin(), rest.end(), is_target_character))
    refuse("It holds a blank, a control character or one outside ASCII.");
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  result.path = std::string(rest.substr(0, mark));
  if (result.path.empty()) result.path = "/";
  if (mark < rest.size()) result.query = std::string(rest.substr(mark + 1));
  return result;
}

std::string percent_encode(std::string_view text, bool keep_slashes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size() + 16);
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slashes && c == '/')) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return result;
}

std::string percent_decode(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? digit_of(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      throw failure(
          kind::corrupt,
          "a percent-encoded text is malformed",
          "Two hexadecimal digits must follow the percent sign.");
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

} // namespace wale::http
