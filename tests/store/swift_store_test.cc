// The Swift store against a small Swift in memory that does on command what a real one will not do.
#include "swift_bench.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;
using condition = store::put_condition;

namespace {

task<> prepare_of(store::store& s) {
  co_await s.prepare();
}

} // namespace

TEST_CASE("names in Swift begin with a slash, as WAL-E's do") {
  swift_bench b;
  put(b.rt, *b.s, "wal_005/x", "content");
  CHECK(b.server.objects().at("/p/wal_005/x") == "content");
  CHECK(b.s->url(key_of("wal_005/x")) == "swift://container/p/wal_005/x");
  CHECK(b.s->prefix() == "p/");
  const auto bare = open_swift(b.rt, b.server, {}, "swift://container");
  put(b.rt, *bare, "wal_005/y", "content");
  CHECK(b.server.objects().contains("/wal_005/y"));
}

TEST_CASE("a large object of Swift is segments and a manifest, and goes with them") {
  swift_bench b;
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK(b.server.is_large("/p/wal_005/x"));
  CHECK(b.server.objects().at("/p/wal_005/x") == large);
  CHECK(b.segments() == 4);
  CHECK(get(b.rt, *b.s, "wal_005/x") == large);
  CHECK(list(b.rt, *b.s, "") == std::vector<std::string>{"wal_005/x"});
  put(b.rt, *b.s, "wal_005/xx", large);
  remove(b.rt, *b.s, {"wal_005/x"});
  CHECK(b.segments() == 4);
  CHECK(get(b.rt, *b.s, "wal_005/xx") == large);
  remove(b.rt, *b.s, {"wal_005/xx", "wal_005/y"});
  CHECK(b.server.objects().empty());
}

TEST_CASE("segments stay where their manifest could not be removed") {
  swift_bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "DELETE") return std::nullopt;
    return fake_swift::error(403);
  });
  const auto f = failure_of([&] { remove(b.rt, *b.s, {"wal_005/x"}); });
  REQUIRE(f);
  CHECK(f->text().detail.find("403") != std::string::npos);
  CHECK(b.segments() == 4);
}

TEST_CASE("keys that a bulk delete could not remove fail the removal") {
  swift_bench b;
  put(b.rt, *b.s, "wal_005/x", "x");
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "POST") return std::nullopt;
    answer a = fake_swift::error(200);
    a.body = "   {\"Number Deleted\": 1, \"Response Status\": \"400 Bad Request\", \"Errors\": "
             "[[\"/container/%2Fp/wal_005/x\", \"403 Forbidden\"]]}";
    return a;
  });
  const auto f = failure_of([&] { remove(b.rt, *b.s, {"wal_005/w", "wal_005/x"}); });
  REQUIRE(f);
  CHECK(f->text().detail.find("\"/p/wal_005/x\": 403 Forbidden") != std::string::npos);
}

// "Bulk Delete": the server stops at max_failed_deletes; and names may come back in another form.
TEST_CASE("segments stay where a bulk delete does not tell what became of their manifest") {
  for (const char* path : {"/container/%2Fp/wal_005/x", "container//p/wal_005/x"}) {
    swift_bench b;
    put(b.rt, *b.s, "wal_005/x", large);
    put(b.rt, *b.s, "wal_005/y", large);
    b.server.before([&](const received_request& r) -> std::optional<answer> {
      const std::string& names = r.method == "POST" ? r.body : r.target;
      if (names.find("segments_005") != std::string::npos) return std::nullopt;
      if (r.method == "DELETE") return fake_swift::error(403);
      if (r.method != "POST") return std::nullopt;
      answer a = fake_swift::error(200);
      a.body = R"({"Number Deleted": 0, "Number Not Found": 0, "Response Status": )"
               R"("400 Bad Request", "Response Body": "Max delete failures exceeded", )"
               R"("Errors": [[")" +
               std::string(path) + R"(", "403 Forbidden"]]})";
      return a;
    });
    CHECK(failure_of([&] { remove(b.rt, *b.s, {"wal_005/x", "wal_005/y"}); }));
    CHECK(b.segments() == 8);
  }
}

TEST_CASE("a bulk delete that was not completed is repeated") {
  swift_bench b;
  put(b.rt, *b.s, "wal_005/x", "x");
  std::atomic<int> times = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "POST" || times++ != 0) return std::nullopt;
    answer a = fake_swift::error(200);
    a.body = "{\"Response Status\": \"503 Service Unavailable\", \"Errors\": []}";
    return a;
  });
  remove(b.rt, *b.s, {"wal_005/w", "wal_005/x"});
  CHECK(times == 2);
  CHECK(b.server.objects().empty());
}

TEST_CASE("without bulk delete objects are removed one by one") {
  swift_bench b;
  b.server.without_bulk_delete();
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) {
    keys.push_back("wal_005/" + std::to_string(i));
    put(b.rt, *b.s, keys.back(), "x");
  }
  remove(b.rt, *b.s, keys);
  CHECK(b.server.objects().empty());
  CHECK(b.count("DELETE") == 40);
  CHECK(b.count("GET", "/info") == 1);
}

TEST_CASE("a manifest whose answer was lost is known by its token") {
  swift_bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (is_manifest(r) && times++ == 0) a = lost();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK(times >= 2);
  CHECK(get(b.rt, *b.s, "wal_005/x") == large);
}

TEST_CASE("segments of a manifest that may still be stored are left alone") {
  swift_bench b(variables{{"WALE_RETRIES", "1"}});
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_manifest(r)) return std::nullopt;
    return fake_swift::error(503);
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", large); }));
  CHECK(b.segments() == 4);
}

TEST_CASE("an upload in parts that is refused leaves no segments") {
  swift_bench b;
  put(b.rt, *b.s, "wal_005/x", "another's");
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::exists);
  CHECK(b.segments() == 0);
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_manifest(r)) return std::nullopt;
    return fake_swift::error(403);
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/y", large); }));
  CHECK(b.segments() == 0);
}

TEST_CASE("segments without a manifest are swept once they are old") {
  swift_bench b;
  put(b.rt, *b.s, "basebackups_005/whole", large);
  const std::string below = "/p/segments_005/basebackups_005/";
  const std::string old = "2020-01-01T00:00:00.000000";
  b.server.write(below + "never/token1/00000001", "x", old);
  b.server.write(below + "never/token1/00000002", "x", old);
  b.server.write(below + "young/token2/00000001", "x", old);
  b.server.write(below + "young/token2/00000002", "x", "2099-01-01T00:00:00.000000");
  b.server.write(below + "whole/token3/00000001", "x", old);
  b.server.write(below + "not-ours", "x", old);
  b.server.write("/other/segments_005/x/token/00000001", "x", old);
  b.rt.run(prepare_of(*b.s));
  const auto left = b.server.objects();
  CHECK_FALSE(left.contains(below + "never/token1/00000001"));
  CHECK_FALSE(left.contains(below + "never/token1/00000002"));
  CHECK(left.contains(below + "young/token2/00000001"));
  CHECK_FALSE(left.contains(below + "whole/token3/00000001"));
  CHECK(left.contains(below + "not-ours"));
  CHECK(left.contains("/other/segments_005/x/token/00000001"));
  CHECK(get(b.rt, *b.s, "basebackups_005/whole") == large);
}

TEST_CASE("a download from Swift is taken up where it broke off, of the same object") {
  swift_bench b;
  for (const std::string& content : {large, large.substr(0, 5'000'000)}) {
    put(b.rt, *b.s, "wal_005/x", content);
    std::atomic<int> cuts = 0;
    b.server.after([&](const received_request& r, answer& a) {
      if (r.method != "GET" || !is_about_data(r) || cuts++ >= 2) return;
      a.cut_body_at = 2'000'000;
    });
    CHECK(get(b.rt, *b.s, "wal_005/x") == content);
    const auto all = b.server.peer().requests();
    CHECK(all.back().header("Range").starts_with("bytes="));
    CHECK(all.back().header("If-Match").starts_with("\""));
  }
}

TEST_CASE("the Swift store keeps the contract") {
  fake_swift server;
  std::atomic<bool> loses = false;
  std::atomic<bool> expires = false;
  std::atomic<std::size_t> cuts_at = 0;
  server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_about_data(r) || !expires.exchange(false)) return std::nullopt;
    return fake_swift::error(401);
  });
  server.after([&](const received_request& r, answer& a) {
    const bool is_segment = r.target.find("/segments_005/") != std::string::npos;
    if (r.method == "PUT" && !is_segment && loses.exchange(false)) a = lost();
    if (r.method == "GET" && a.body.size() > cuts_at && cuts_at != 0)
      a.cut_body_at = cuts_at.exchange(0);
  });

  store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_swift(rt, server); };
  fixture.open_missing = [&](io::runtime& rt) {
    return open_swift(rt, server, {}, "swift://missing/p");
  };
  fixture.part_bytes = part_size;
  fixture.race = race_in_one_loop(fixture.open);
  fixture.race_rounds = 100;
  fixture.lose_next_answer = [&] { loses = true; };
  fixture.expire_token = [&] { expires = true; };
  fixture.cut_next_body = [&](std::size_t n) { cuts_at = n; };
  check_conformance(fixture);
}
