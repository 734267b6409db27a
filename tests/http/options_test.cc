// Settings from the environment.
#include <wale/base/error.hpp>
#include <wale/http/client.hpp>

#include <catch2/catch.hpp>

#include <map>

using namespace wale;
using namespace wale::http;
using namespace std::chrono_literals;

namespace {

client_options options_with(const std::map<std::string, std::string>& variables) {
  return options_from([&](const std::string& name) -> std::optional<std::string> {
    const auto place = variables.find(name);
    if (place == variables.end()) return std::nullopt;
    return place->second;
  });
}

} // namespace

TEST_CASE("nothing is set") {
  const client_options o = options_with({});
  REQUIRE(o.ca_file.empty());
  REQUIRE(o.ca_directory.empty());
  REQUIRE(o.http_proxy.empty());
  REQUIRE(o.https_proxy.empty());
  REQUIRE(o.deadlines.connect == 10s);
  REQUIRE(o.deadlines.tls == 10s);
  REQUIRE(o.deadlines.first_byte == 60s);
  REQUIRE(o.deadlines.idle == 30s);
  REQUIRE(o.deadlines.exchange == 900s);
}

TEST_CASE("trust") {
  REQUIRE(options_with({{"SSL_CERT_DIR", "/d"}}).ca_directory == "/d");
  const client_options file = options_with({{"SSL_CERT_FILE", "/f"}});
  REQUIRE(file.ca_file == "/f");
  REQUIRE(!file.ca_directory.empty());
  REQUIRE(options_with({{"SSL_CERT_FILE", "/f"}, {"SSL_CERT_DIR", "/d"}}).ca_directory == "/d");
  const client_options own =
      options_with({{"WALE_CA_FILE", "/own"}, {"SSL_CERT_FILE", "/f"}, {"SSL_CERT_DIR", "/d"}});
  REQUIRE(own.ca_file == "/own");
  REQUIRE(own.ca_directory.empty());
}

TEST_CASE("proxies") {
  const client_options o = options_with(
      {{"HTTPS_PROXY", "http://s:1"}, {"HTTP_PROXY", "http://p:2"}, {"NO_PROXY", "a,b"}});
  REQUIRE(o.https_proxy == "http://s:1");
  REQUIRE(o.http_proxy == "http://p:2");
  REQUIRE(o.no_proxy == "a,b");
  const client_options lower = options_with(
      {{"https_proxy", "http://l:1"}, {"HTTPS_PROXY", "http://u:1"}, {"http_proxy", "http://l:2"}});
  REQUIRE(lower.https_proxy == "http://l:1");
  REQUIRE(lower.http_proxy == "http://l:2");
  const client_options cgi = options_with(
      {{"REQUEST_METHOD", "GET"}, {"HTTP_PROXY", "http://evil"}, {"HTTPS_PROXY", "http://s:1"}});
  REQUIRE(cgi.http_proxy.empty());
  REQUIRE(cgi.https_proxy == "http://s:1");
  const client_options lower_cgi =
      options_with({{"REQUEST_METHOD", "GET"}, {"http_proxy", "http://l:2"}});
  REQUIRE(lower_cgi.http_proxy == "http://l:2");
}

TEST_CASE("deadlines") {
  const client_options o = options_with(
      {{"WALE_CONNECT_TIMEOUT", "3"},
       {"WALE_TLS_TIMEOUT", "4"},
       {"WALE_FIRST_BYTE_TIMEOUT", "0.25"},
       {"WALE_IDLE_TIMEOUT", "86400"},
       {"WALE_EXCHANGE_TIMEOUT", "7200"}});
  REQUIRE(o.deadlines.connect == 3s);
  REQUIRE(o.deadlines.tls == 4s);
  REQUIRE(o.deadlines.first_byte == 250ms);
  REQUIRE(o.deadlines.idle == 86400s);
  REQUIRE(o.deadlines.exchange == 7200s);
  for (const char* text : {"0", "-1", "x", "5s", " 5", "nan", "inf", "1e9", "0.0001"}) {
    INFO(text);
    try {
      options_with({{"WALE_IDLE_TIMEOUT", text}});
      FAIL("it was accepted");
    } catch (const failure& f) {
      REQUIRE(f.why() == kind::configuration);
      REQUIRE(f.text().msg.find("WALE_IDLE_TIMEOUT") == 0);
    }
  }
}
