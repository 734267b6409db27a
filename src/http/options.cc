// The client's settings from the environment.
#include <wale/base/error.hpp>
#include <wale/http/client.hpp>

#include <openssl/x509.h>

#include <charconv>
#include <cmath>

namespace wale::http {
namespace {

std::string value_of(const variable_lookup& look_up, const char* name) {
  return look_up(name).value_or(std::string());
}

/// The lower-case name wins, as in curl.
std::string either_case(const variable_lookup& look_up, const char* lower, const char* upper) {
  std::string value = value_of(look_up, lower);
  return value.empty() ? value_of(look_up, upper) : value;
}

void set_deadline(
    const variable_lookup& look_up, const char* name, std::chrono::milliseconds& deadline) {
  constexpr double longest = 86'400;
  const std::string text = value_of(look_up, name);
  if (text.empty()) return;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(seconds >= 0.001) || seconds > longest)
    throw failure(
        kind::configuration,
        std::string(name) + " has a value that is no time",
        "It is \"" + text + "\".",
        "Set it to seconds, for example 30, at most 86400.");
  deadline = std::chrono::milliseconds(std::llround(seconds * 1000));
}

} // namespace

client_options options_from(const variable_lookup& look_up) {
  client_options o;
  set_deadline(look_up, "WALE_CONNECT_TIMEOUT", o.deadlines.connect);
  set_deadline(look_up, "WALE_TLS_TIMEOUT", o.deadlines.tls);
  set_deadline(look_up, "WALE_FIRST_BYTE_TIMEOUT", o.deadlines.first_byte);
  set_deadline(look_up, "WALE_IDLE_TIMEOUT", o.deadlines.idle);
  set_deadline(look_up, "WALE_EXCHANGE_TIMEOUT", o.deadlines.exchange);

  o.ca_file = value_of(look_up, "WALE_CA_FILE");
  if (o.ca_file.empty()) {
    o.ca_file = value_of(look_up, "SSL_CERT_FILE");
    o.ca_directory = value_of(look_up, "SSL_CERT_DIR");
    // OpenSSL's own meaning of SSL_CERT_FILE: the directory is searched too.
    if (!o.ca_file.empty() && o.ca_directory.empty()) o.ca_directory = X509_get_default_cert_dir();
  }

  o.https_proxy = either_case(look_up, "https_proxy", "HTTPS_PROXY");
  o.http_proxy = value_of(look_up, "http_proxy");
  // In a CGI program HTTP_PROXY is the client's header field "Proxy" (CVE-2016-5385).
  if (o.http_proxy.empty() && !look_up("REQUEST_METHOD"))
    o.http_proxy = value_of(look_up, "HTTP_PROXY");
  o.no_proxy = either_case(look_up, "no_proxy", "NO_PROXY");
  return o;
}

} // namespace wale::http
