#include "concealing.hpp"

#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace wale::http {
namespace {

constexpr std::string_view stars = "***";
// Shorter ones are no credentials, and would be found in ordinary words.
constexpr std::size_t shortest = 6;

// RFC 9110, 11; OpenStack's Identity and Object Storage API; Amazon's "Common request headers",
// "Server-side encryption with customer-provided keys" and "Instance Metadata Service Version 2".
constexpr std::array<std::string_view, 7> secret_fields{
    "Authorization",
    "Proxy-Authorization",
    "X-Auth-Key",
    "X-Auth-Token",
    "X-Amz-Security-Token",
    "X-Amz-Server-Side-Encryption-Customer-Key",
    "X-aws-ec2-metadata-token"};

// Azure's shared access signatures; RFC 6749, 2.3.1 and 6; RFC 7521, 4; Amazon's STS.
constexpr std::array<std::string_view, 6> secret_parameters{
    "sig", "client_secret", "refresh_token", "assertion", "client_assertion", "WebIdentityToken"};

class collection {
public:
  void add(const std::string& value) {
    add_text(value);
    std::string in_json;
    for (const char c : value)
      in_json += c == '/' ? std::string("\\/") : std::string(1, c);
    if (in_json != value) add_text(std::move(in_json));
  }

  /// And what comes after the name of the scheme.
  void add_field(const std::string& value) {
    add(value);
    const std::size_t blank = value.find(' ');
    if (blank != std::string::npos) add(value.substr(blank + 1));
  }

  /// `name=value&name=value`
  void add_parameters(std::string_view text) {
    while (!text.empty()) {
      const std::string_view one = text.substr(0, text.find('&'));
      text.remove_prefix(std::min(one.size() + 1, text.size()));
      const std::size_t equals = one.find('=');
      if (equals == one.npos) continue;
      const auto* const known = std::ranges::find(secret_parameters, one.substr(0, equals));
      if (known != secret_parameters.end()) add_encoded(std::string(one.substr(equals + 1)));
    }
  }

  std::vector<wale::secret> all;

private:
  void add_encoded(const std::string& value) {
    add(value);
    try {
      const std::string plain = percent_decode(value);
      if (plain != value) add(plain);
    } catch (const failure&) {
      return; // a value that was never encoded
    }
  }

  void add_text(std::string text) {
    if (text.size() >= shortest) all.emplace_back(std::move(text));
  }
};

bool is_form(const request& what) {
  return what.headers.get("Content-Type").starts_with("application/x-www-form-urlencoded");
}

std::string text_of(const body_pieces& pieces) {
  std::string text;
  for (const std::span<const std::byte> piece : pieces)
    for (const std::byte b : piece)
      text += static_cast<char>(b);
  return text;
}

} // namespace

std::vector<wale::secret> secrets_in(const request& what, std::string_view proxy_authorization) {
  collection found;
  for (const auto& [name, value] : what.headers)
    for (const std::string_view known : secret_fields)
      if (same_name(name, known)) found.add_field(value);
  found.add_field(std::string(proxy_authorization));
  const std::size_t query = what.target.find('?');
  if (query != std::string::npos)
    found.add_parameters(std::string_view(what.target).substr(query + 1));
  if (is_form(what)) found.add_parameters(text_of(what.body));
  return std::move(found.all);
}

void conceal(const std::vector<wale::secret>& secrets, std::string& text) {
  for (const wale::secret& s : secrets) {
    const std::string& looked_for = s.reveal();
    for (std::size_t at = text.find(looked_for); at != std::string::npos;
         at = text.find(looked_for, at + stars.size()))
      text.replace(at, looked_for.size(), stars);
  }
}

void conceal(const std::vector<wale::secret>& secrets, headers& fields) {
  headers shown;
  for (const auto& [name, value] : fields) {
    std::string text = value;
    conceal(secrets, text);
    shown.add(name, std::move(text));
  }
  fields = std::move(shown);
}

} // namespace wale::http
