// Which way leads to an origin.
#include "proxy.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::http;

TEST_CASE("a proxy's URL") {
  REQUIRE(parse_proxy("http://proxy.example:3128").origin == origin{"http", "proxy.example", 3128});
  REQUIRE(parse_proxy("proxy.example:3128/").origin == origin{"http", "proxy.example", 3128});
  REQUIRE(parse_proxy("http://[::1]").origin == origin{"http", "::1", 80});
  REQUIRE(parse_proxy("http://p").authorization.empty());
  // RFC 7617, 2 has this pair and its encoding.
  REQUIRE(
      parse_proxy("http://Aladdin:open%20sesame@p:1").authorization ==
      "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  // printf 'user:' | base64
  REQUIRE(parse_proxy("user@p:1").authorization == "Basic dXNlcjo=");
}

TEST_CASE("a proxy that cannot be used, without showing its password") {
  for (const char* text :
       {"",
        "https://u:secret@p",
        "socks5://u:secret@p",
        "http://u:secret@",
        "http://u:%secret@p",
        "u:secret@p:x"}) {
    INFO(text);
    try {
      parse_proxy(text);
      FAIL("it was accepted");
    } catch (const failure& f) {
      REQUIRE(f.why() == kind::configuration);
      REQUIRE((f.text().msg + f.text().detail + f.text().hint).find("secret") == std::string::npos);
    }
  }
}

TEST_CASE("NO_PROXY") {
  const origin name{"https", "bucket.s3.example.com", 443};
  const origin four{"http", "10.1.2.3", 8080};
  const origin six{"http", "2001:db8::7", 80};
  for (const char* list :
       {"*",
        "example.com",
        ".example.com",
        "EXAMPLE.com",
        "x, bucket.s3.example.com",
        "x y example.com",
        "bucket.s3.example.com:443",
        ".s3.example.com:443"}) {
    INFO(list);
    REQUIRE(is_direct(list, name));
  }
  for (const char* list :
       {"",
        ",",
        "ample.com",
        "com.",
        "s3.example.com:80",
        "other.s3.example.com",
        "xexample.com",
        "a.bucket.s3.example.com",
        "10.1.2.3",
        "."}) {
    INFO(list);
    REQUIRE(!is_direct(list, name));
  }
  for (const char* list : {"10.1.2.3", "10.1.2.3:8080", "10.0.0.0/8", "10.1.2.2/31", "0.0.0.0/0"}) {
    INFO(list);
    REQUIRE(is_direct(list, four));
  }
  for (const char* list :
       {"10.1.2.30",
        "10.1.2.3:80",
        "10.1.2.4/31",
        "11.0.0.0/8",
        "1.2.3",
        ".3",
        "10.0.0.0/33",
        "::/0"}) {
    INFO(list);
    REQUIRE(!is_direct(list, four));
  }
  for (const char* list : {"2001:db8::7", "[2001:db8::7]", "[2001:DB8::7]:80", "2001:db8::/32"}) {
    INFO(list);
    REQUIRE(is_direct(list, six));
  }
  for (const char* list : {"2001:db8::8", "[2001:db8::7]:81", "2001:db9::/32", "0.0.0.0/0", "["}) {
    INFO(list);
    REQUIRE(!is_direct(list, six));
  }
}

TEST_CASE("the route") {
  client_options o;
  o.http_proxy = "http://plain:1";
  o.https_proxy = "http://tunnel:2";
  o.no_proxy = "near.example";
  const origin far{"https", "far.example", 443};
  const route r = find_route(o, far, false);
  REQUIRE(r.via);
  REQUIRE(r.via->origin.host == "tunnel");
  REQUIRE(r.tunnels());
  REQUIRE(r.text() == "https://far.example (through the proxy http://tunnel:2)");
  REQUIRE(!find_route(o, far, true).via);
  const route plain = find_route(o, {"http", "far.example", 80}, false);
  REQUIRE(plain.via->origin.host == "plain");
  REQUIRE(!plain.tunnels());
  REQUIRE(!find_route(o, {"https", "near.example", 443}, false).via);
  REQUIRE(find_route({}, far, false).text() == "https://far.example");
}
