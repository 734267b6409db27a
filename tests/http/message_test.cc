// Header fields and dates.
#include <wale/http/message.hpp>

#include <catch2/catch.hpp>

using namespace wale::http;
using namespace std::chrono;

TEST_CASE("fields are found in any case and keep their order") {
  headers h;
  h.add("Content-Type", "a");
  h.add("x-amz-meta-b", "1");
  h.add("CONTENT-TYPE", "b");
  REQUIRE(h.get("content-type") == "a");
  REQUIRE(h.find("X-AMZ-META-B") == "1");
  REQUIRE(!h.find("content-typ"));
  REQUIRE(h.get("absent").empty());
  h.set("content-TYPE", "c");
  REQUIRE(h.size() == 2);
  REQUIRE(h.begin()->first == "x-amz-meta-b");
  REQUIRE(h.get("Content-Type") == "c");
}

TEST_CASE("the size of a body in pieces") {
  REQUIRE(size_of({}) == 0);
  REQUIRE(size_of({bytes_of("abc"), bytes_of(""), bytes_of("de")}) == 5);
}

TEST_CASE("dates") {
  // RFC 9110, 5.6.7, whose example is Unix time 784111777 (date -d).
  REQUIRE(parse_date("Sun, 06 Nov 1994 08:49:37 GMT") == sys_seconds(784111777s));
  REQUIRE(parse_date("Thu, 29 Feb 2024 23:59:60 GMT") == sys_seconds(1709251200s));
  REQUIRE(parse_date("Thu, 01 Jan 1970 00:00:00 GMT") == sys_seconds(0s));
  for (const char* text :
       {"",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Now 1994 08:49:37 GMT",
        "120"})
    CHECK(!parse_date(text));
}
