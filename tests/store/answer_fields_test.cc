#include "answer_fields.hpp"

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;

TEST_CASE("ranges of content are read, and nothing else is") {
  // RFC 9110, 14.4
  const auto r = parse_content_range("bytes 42-1233/1234");
  REQUIRE(r);
  CHECK(r->first == 42);
  CHECK(r->last == 1233);
  CHECK(r->complete == 1234);
  for (const char* bad :
       {"",
        "bytes */1234",
        "bytes 42-1233/*",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "items 0-1/2",
        "bytes 1/2-3",
        "bytes -1-2/3",
        "bytes 0-1/99999999999999999999"})
    CHECK_FALSE(parse_content_range(bad));
}

TEST_CASE("an answer tells the size of the whole object, if it is the rest that was asked for") {
  const auto of = [](unsigned status, const char* range, std::uint64_t length, std::uint64_t from) {
    http::response head;
    head.status = status;
    head.headers.add("Content-Range", range);
    return size_of_whole(head, length, from);
  };
  CHECK(of(200, "", 10, 0) == 10);
  CHECK(of(206, "bytes 4-9/10", 6, 4) == 10);
  CHECK(of(206, "bytes 0-9/10", 10, 0) == 10);
  CHECK_FALSE(of(200, "", 6, 4));             // all of it, again
  CHECK_FALSE(of(206, "bytes 3-9/10", 7, 4)); // from elsewhere
  CHECK_FALSE(of(206, "bytes 4-8/10", 5, 4)); // not to the end
  CHECK_FALSE(of(206, "bytes 4-9/10", 5, 4)); // a body of another length
  CHECK_FALSE(of(206, "", 6, 4));
}

TEST_CASE("Retry-After is seconds, an hour at most") {
  const auto of = [](const std::string& value) {
    http::headers h;
    h.add("Retry-After", value);
    return retry_after(h);
  };
  CHECK(of("7") == std::chrono::seconds(7));
  CHECK(of("100000") == std::chrono::hours(1));
  CHECK(of("Fri, 31 Dec 1999 23:59:59 GMT").count() == 0);
  CHECK(of("-1").count() == 0);
}

TEST_CASE("words of a server are one line of bounded length") {
  CHECK(printable("a\r\nb\x7f") == "a  b ");
  CHECK(printable(std::string(500, 'x')).size() == 403);
}
