// Examples of RFC 3986 and of the AWS documentation.
#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::http;

namespace {

kind refused(std::string_view text) {
  try {
    parse_url(text);
  } catch (const failure& f) {
    CHECK(f.text().detail.find("secret") == std::string::npos);
    return f.why();
  }
  return kind::bug;
}

} // namespace

TEST_CASE("a URL in its parts") {
  const url u = parse_url("HTTPS://User:pa%40ss@Example.COM:8443/a/b%20c?x=1&y#part");
  REQUIRE(u.origin == origin{"https", "example.com", 8443});
  REQUIRE(u.userinfo == "User:pa%40ss");
  REQUIRE(u.path == "/a/b%20c");
  REQUIRE(u.query == "x=1&y");
  REQUIRE(u.origin.secure());
  REQUIRE(u.origin.text() == "https://example.com:8443");
}

TEST_CASE("what a URL may leave out") {
  const url bare = parse_url("http://example.com");
  REQUIRE(bare.origin == origin{"http", "example.com", 80});
  REQUIRE(bare.path == "/");
  REQUIRE(bare.query.empty());
  REQUIRE(bare.origin.authority() == "example.com");
  REQUIRE(parse_url("https://example.com?list-type=2").query == "list-type=2");
  REQUIRE(parse_url("https://example.com?list-type=2").path == "/");
  REQUIRE(parse_url("https://example.com:443/").origin.authority() == "example.com");
  REQUIRE(parse_url("http://example.com:/").origin.port == 80);
  REQUIRE(parse_url("http://example.com:443").origin.authority() == "example.com:443");
}

TEST_CASE("addresses as hosts") {
  // RFC 3986, 1.1.2 has both forms.
  const url six = parse_url("http://[2001:DB8::7]:8080/c=GB?objectClass?one");
  REQUIRE(six.origin == origin{"http", "2001:db8::7", 8080});
  REQUIRE(six.origin.text() == "http://[2001:db8::7]:8080");
  REQUIRE(six.query == "objectClass?one");
  REQUIRE(parse_url("https://[::1]").origin.authority() == "[::1]");
  REQUIRE(parse_url("http://192.0.2.16:80/").origin == origin{"http", "192.0.2.16", 80});
}

TEST_CASE("what is no URL") {
  for (const char* text :
       {"",
        "example.com",
        "ftp://example.com/",
        "http:/example.com",
        "http://",
        "http://:80/",
        "http://secret@/",
        "http://example.com:x/",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:-1/",
        "http://[::1/",
        "http://[::1]80/",
        "http://[::g]/",
        "http://exa mple.com/",
        "http://example.com\r\nX: secret/",
        "http://example.com/a b",
        "http://example.com/\r\nX-Injected: 1",
        "http://user:secret@example.com/\xc3\xa9"})
    CHECK(refused(text) == kind::configuration);
}

TEST_CASE("percent-encoding") {
  // RFC 3986, 2.3: the unreserved characters stay.
  const std::string unreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  REQUIRE(percent_encode(unreserved) == unreserved);
  // RFC 3986, 2.5: LATIN CAPITAL LETTER A WITH GRAVE, KATAKANA LETTER A.
  REQUIRE(percent_encode("\xc3\x80") == "%C3%80");
  REQUIRE(percent_encode("\xe3\x82\xa2") == "%E3%82%A2");
  // RFC 3986, 2.2: the reserved ones go.
  REQUIRE(
      percent_encode(":/?#[]@!$&'()*+,;= %") ==
      "%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%20%25");
  REQUIRE(percent_encode("a//b c/", true) == "a//b%20c/");
  REQUIRE(percent_encode(std::string_view("\0\xff", 2)) == "%00%FF");
}

TEST_CASE("percent-decoding") {
  REQUIRE(percent_decode("%41%7a%2f") == "Az/");
  REQUIRE(percent_decode("a+b") == "a+b");
  std::string every;
  for (int i = 0; i < 256; ++i)
    every += static_cast<char>(i);
  REQUIRE(percent_decode(percent_encode(every)) == every);
  for (const char* text : {"%", "%4", "a%", "%4g", "%g4", "%%41", "% 1", "%-1"})
    CHECK_THROWS_AS(percent_decode(text), failure);
}
