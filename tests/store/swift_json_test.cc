// Samples from the Object Storage API Reference and the documentation of OpenStack Swift's
// middleware.
#include "swift_etag.hpp"
#include "swift_json.hpp"
#include "swift_requests.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;

TEST_CASE("listings of Swift are read") {
  const auto found = parse_swift_listing(R"([
    {"hash": "451e372e48e0f6b1114fa0724aa79fa1", "last_modified": "2014-01-15T16:41:49.390270",
     "bytes": 14, "name": "goodbye", "content_type": "application/octet-stream"},
    {"hash": "ed076287532e86365e841e92bfc50d8c", "last_modified": "2014-01-15T16:37:43.427570",
     "bytes": 12, "name": "/hello\u00e9", "content_type": "application/octet-stream"}])");
  REQUIRE(found.size() == 2);
  CHECK(found[0].key.name == "goodbye");
  CHECK(found[0].size == 14);
  CHECK(found[0].last_modified == "2014-01-15T16:41:49.390270");
  CHECK(found[0].modified_ns == 1'389'804'109'390'270'000);
  CHECK(found[1].key.name == "/hello\xC3\xA9");
  CHECK(parse_swift_listing("[]").empty());
}

TEST_CASE("what is no listing is never an empty one") {
  for (const char* bad :
       {"",
        "{}",
        "<html>",
        "[1]",
        "[{}]",
        R"([{"name": "x", "bytes": -1}])",
        R"([{"subdir": "a/"}])",
        R"([{"name": "x", "bytes": 1, "last_modified": "today"}])"})
    CHECK_THROWS_AS(parse_swift_listing(bad), failure);
}

TEST_CASE("manifests of static large objects") {
  CHECK(
      compose_manifest({{"/c//s/1", "0228c7926b8b642dfb29554cd1f00963", 1468006}}) ==
      R"([{"path":"/c//s/1","etag":"0228c7926b8b642dfb29554cd1f00963","size_bytes":1468006}])");
  CHECK(misses_segments(R"({"Errors": [["/c//s/1", "404 Not Found"]]})"));
  CHECK_FALSE(misses_segments(R"({"Errors": [["/c//s/1", "Etag Mismatch"]]})"));
  CHECK_FALSE(misses_segments("<html>404 Not Found</html>"));
  // printf 0228c7926b8b642dfb29554cd1f009635bfc9ea51a00b790717eeb934fb77b9b | md5sum
  CHECK(
      etag_of_parts(
          {{1, 1, "0228c7926b8b642dfb29554cd1f00963"},
           {2, 1, "5bfc9ea51a00b790717eeb934fb77b9b"}}) == "f304070840339ab3be741f3248a7bd60");
}

TEST_CASE("reports of bulk deletes") {
  CHECK(compose_bulk_delete("c", {"/a b", "/d"}) == "/c//a%20b\n/c//d\n");
  const auto good = parse_bulk_delete(
      "c",
      "  {\"Number Not Found\": 1, \"Response Status\": \"200 OK\", \"Errors\": [], "
      "\"Number Deleted\": 10, \"Response Body\": \"\"}");
  CHECK(good.status == 200);
  CHECK(good.failed.empty());
  const auto bad = parse_bulk_delete(
      "c",
      R"({"Number Deleted": 0, "Response Status": "400 Bad Request", "Response Body": "",
          "Errors": [["/c//a%20b", "403 Forbidden"]], "Number Not Found": 0})");
  CHECK(bad.status == 400);
  REQUIRE(bad.failed.size() == 1);
  CHECK(bad.failed[0].key == "/a b");
  CHECK(bad.failed[0].code == "403 Forbidden");
  for (const char* text :
       {"",
        "[]",
        "{}",
        R"({"Response Status": "OK", "Errors": []})",
        R"({"Response Status": "200 OK"})",
        R"({"Response Status": "400 Bad Request", "Errors": ["x"]})"})
    CHECK_THROWS_AS(parse_bulk_delete("c", text), failure);
}

TEST_CASE("whether a server has bulk delete") {
  CHECK(bulk_limit_in(R"({"bulk_delete": {"max_deletes_per_request": 10000,
                       "max_failed_deletes": 1000}, "swift": {"version": "1.11.0"}})") == 10000);
  CHECK_FALSE(bulk_limit_in(R"({"swift": {"version": "1.11.0"}})"));
  CHECK_FALSE(bulk_limit_in(R"({"bulk_delete": {"max_deletes_per_request": 0}})"));
  CHECK_FALSE(bulk_limit_in("<html>"));
}

TEST_CASE("the head of a success must be whole, and about what was asked for") {
  const question q{"could not read an object", "swift://c/x"};
  http::response r;
  r.status = 206;
  r.headers.add("ETag", "\"abc\"");
  r.headers.add("Content-Range", "bytes 10-19/20");
  r.headers.add("X-Object-Meta-Wale-Upload", "token");
  const object_facts f = facts_of_rest(swift_answers, q, r, 10, 10);
  CHECK(f.size == 20);
  CHECK(f.etag == "\"abc\"");
  CHECK(f.token == "token");
  CHECK_THROWS_AS(facts_of_rest(swift_answers, q, r, 10, 9), failure);
  CHECK_THROWS_AS(facts_of_rest(swift_answers, q, r, 9, 10), failure);
  CHECK_THROWS_AS(facts_of_rest(swift_answers, q, r, std::nullopt, 10), failure);
  CHECK_THROWS_AS(facts_of_whole(swift_answers, q, r), failure);
  CHECK_NOTHROW(require_swift_etag(q, r, "abc"));
  CHECK_THROWS_AS(require_swift_etag(q, r, "abd"), failure);
}
