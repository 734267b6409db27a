// What the Swift driver mends and what it believes, of odd refusals and answers.
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

TEST_CASE("what all replicas agree on decides who has stored a name") {
  swift_bench b;
  // Both replicas took the other writer's object meanwhile.
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "HEAD" || r.target.find("/wal_005/x") == std::string::npos) return;
    for (auto& [name, value] : a.headers)
      if (name == "X-Object-Meta-Wale-Upload") value = "the-other-writer";
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "mine", condition::create_only).what == outcome::exists);
  const auto all = b.server.peer().requests();
  const auto asked =
      std::ranges::find_if(all, [](const received_request& r) { return r.method == "HEAD"; });
  REQUIRE(asked != all.end());
  CHECK(asked->header("X-Newest") == "true");
}

TEST_CASE("the server is told the MD5 of what it gets, and must tell it back") {
  swift_bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "PUT" && times++ == 0)
      for (auto& [name, value] : a.headers)
        if (name == "ETag") value = "d41d8cd98f00b204e9800998ecf8427e";
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(b.count("PUT") == 2);
  const auto all = b.server.peer().requests();
  // printf content | md5sum
  CHECK(all.back().header("ETag") == "9a0364b9e99bb480dd25e1f0284c8555");
}

TEST_CASE("what Swift stored otherwise than it was sent is never taken for stored") {
  swift_bench b;
  // Every answer about what was stored names other bytes.
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "PUT" || r.target.find("/wal_005/") == std::string::npos) return;
    for (auto& [name, value] : a.headers)
      if (name == "ETag") value = "d41d8cd98f00b204e9800998ecf8427e";
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", "content", condition::create_only); }));
  CHECK_FALSE(b.server.objects().contains("/p/wal_005/x"));
}

TEST_CASE("what Swift stored otherwise and does not remove is not found to be stored") {
  swift_bench b;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "PUT") return;
    for (auto& [name, value] : a.headers)
      if (name == "ETag") value = "d41d8cd98f00b204e9800998ecf8427e";
  });
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "DELETE") return std::nullopt;
    return fake_swift::error(403);
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", "content", condition::create_only); }));
  CHECK(b.count("PUT") == 1);
}

TEST_CASE("a large object that Swift made of other segments is never taken for stored") {
  swift_bench b;
  b.server.after([&](const received_request& r, answer& a) {
    if (!is_manifest(r)) return;
    for (auto& [name, value] : a.headers)
      if (name == "ETag") value = "\"d41d8cd98f00b204e9800998ecf8427e\"";
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", large, condition::create_only); }));
  CHECK_FALSE(b.server.objects().contains("/p/wal_005/x"));
}

TEST_CASE("a token that expires in the middle of an upload is renewed") {
  swift_bench b;
  std::atomic<bool> expires = true;
  b.server.after([&](const received_request& r, answer&) {
    if (r.target.ends_with("/00000002")) expires = false;
  });
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!expires || !r.target.ends_with("/00000002")) return std::nullopt;
    expires = false;
    return fake_swift::error(401);
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large).what == outcome::stored);
  CHECK(b.server.objects().at("/p/wal_005/x") == large);
  CHECK(b.count("GET", "/auth/v1.0") == 2);
}

TEST_CASE("a store that refuses every token is not asked for ever") {
  swift_bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_about_data(r)) return std::nullopt;
    return fake_swift::error(401);
  });
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(f->why() == kind::configuration);
  CHECK(b.count("GET", "/auth/v1.0") <= 3);
}

TEST_CASE("a wrong password is final at once and shown nowhere") {
  swift_bench b(variables{{"SWIFT_PASSWORD", "SECRET-wrong"}});
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(f->why() == kind::configuration);
  CHECK(f->text().hint.find("SWIFT_PASSWORD") != std::string::npos);
  CHECK((f->text().msg + f->text().detail + f->text().hint).find("SECRET") == std::string::npos);
  CHECK(b.count("GET") == 1);
}

TEST_CASE("an identity service that is busy is asked again") {
  swift_bench b;
  std::atomic<int> times = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.target != "/auth/v1.0" || times++ > 1) return std::nullopt;
    return fake_swift::error(503);
  });
  CHECK_FALSE(get(b.rt, *b.s, "wal_005/x"));
  CHECK(times == 3);
}

TEST_CASE("only Swift's own word about an object, in a container that is there, proves absence") {
  swift_bench b;
  CHECK_FALSE(get(b.rt, *b.s, "wal_005/x"));
  const auto missing = open_swift(b.rt, b.server, {}, "swift://missing/p");
  const auto f = failure_of([&] { get(b.rt, *missing, "wal_005/x"); });
  REQUIRE(f);
  CHECK(f->why() == kind::unavailable);
  CHECK(f->text().hint.find("swift post missing") != std::string::npos);
  CHECK(failure_of([&] { put(b.rt, *missing, "wal_005/x", "x"); })->text().hint == f->text().hint);
  CHECK(failure_of([&] { list(b.rt, *missing, "wal_005/"); })->text().hint == f->text().hint);
  // A proxy's page, while Swift itself answers for the container.
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "GET" || !is_about_data(r)) return std::nullopt;
    answer a;
    a.status = 404;
    a.body = "<html>not found</html>";
    return a;
  });
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
}

TEST_CASE("a large object that lost a segment is corrupt, at once") {
  swift_bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "GET" || !is_about_data(r)) return std::nullopt;
    return fake_swift::error(409);
  });
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(f->why() == kind::corrupt);
  CHECK(f->text().hint.find("segments_005") != std::string::npos);
}
