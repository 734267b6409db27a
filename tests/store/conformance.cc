#include "store/conformance.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace wale::test {
namespace {

using outcome = store::put_result::outcome;
using condition = store::put_condition;

// A source whose blocks are kept in a budget of its own.
task<> make_body(
    io::runtime& rt,
    std::string content,
    std::size_t piece,
    std::optional<std::size_t> fail_after,
    std::function<void()> half_way,
    std::unique_ptr<io::source>& body) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  body = make_source(std::move(budget), std::move(content), piece, fail_after, std::move(half_way));
}

std::unique_ptr<io::source> body_of(
    io::runtime& rt,
    std::string content,
    std::function<void()> half_way = {},
    std::optional<std::size_t> fail_after = {}) {
  std::unique_ptr<io::source> body;
  constexpr std::size_t piece = 70'001; // so that blocks are partly filled, as a codec's
  rt.run(make_body(rt, std::move(content), piece, fail_after, std::move(half_way), body));
  return body;
}

void check_reasons(const store_fixture& fixture) {
  const std::map<std::string, bool> offered{
      {"part_bytes", fixture.part_bytes.has_value()},
      {"lose_next_answer", bool(fixture.lose_next_answer)},
      {"expire_token", bool(fixture.expire_token)},
      {"cut_next_body", bool(fixture.cut_next_body)}};
  for (const auto& [name, is_there] : offered) {
    INFO(name);
    const auto reason = fixture.not_applicable.find(name);
    CHECK((reason != fixture.not_applicable.end() && !reason->second.empty()) != is_there);
  }
  for (const auto& [name, reason] : fixture.not_applicable) {
    INFO(name);
    CHECK(offered.contains(name));
  }
}

void check_bytes(io::runtime& rt, store::store& s, std::optional<std::size_t> part) {
  std::set<std::size_t> sizes{
      0, 1, 65'536, io::block::payload - 1, io::block::payload, io::block::payload + 1, 5'000'001};
  if (part)
    for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{3}})
      sizes.insert({n * *part - 1, n * *part, n * *part + 1});
  for (const std::size_t size : sizes) {
    INFO(size << " bytes");
    const std::string key = "wal_005/" + std::to_string(size);
    const std::string content = noise(size);
    CHECK(put(rt, s, key, content).bytes == size);
    CHECK((get(rt, s, key) == content));
    const auto attributes = head(rt, s, key);
    REQUIRE(attributes);
    CHECK(attributes->size == size);
    CHECK_FALSE(attributes->plain_digest);
    put_staged(rt, s, key + "-staged", content);
    CHECK((get(rt, s, key + "-staged") == content));
  }
}

void check_conditions(io::runtime& rt, store::store& s) {
  CHECK(put(rt, s, "wal_005/a", "one", condition::create_only).what == outcome::stored);
  CHECK(put(rt, s, "wal_005/a", "two", condition::create_only).what == outcome::exists);
  CHECK(get(rt, s, "wal_005/a") == "one");
  CHECK(put(rt, s, "wal_005/a", "three").what == outcome::stored);
  CHECK(get(rt, s, "wal_005/a") == "three");

  const std::string large = noise(20'000'000);
  CHECK(put(rt, s, "wal_005/l", large, condition::create_only).what == outcome::stored);
  const auto again = put(rt, s, "wal_005/l", noise(20'000'001), condition::create_only);
  CHECK(again.what == outcome::exists);
  CHECK(again.bytes == 20'000'001);
  CHECK((get(rt, s, "wal_005/l") == large));

  sha256 sum;
  sum.update(std::as_bytes(std::span("plain")));
  const sha256_value digest = sum.finish();
  put(rt, s, "wal_005/d", "x", condition::create_only, digest);
  CHECK(head(rt, s, "wal_005/d")->plain_digest == digest);
  put(rt, s, "wal_005/ld", large, condition::create_only, digest);
  CHECK(head(rt, s, "wal_005/ld")->plain_digest == digest);
}

void check_listing(io::runtime& rt, store::store& s) {
  const std::vector<std::string> odd{
      "basebackups_005/a b",
      "basebackups_005/a%20b",
      "basebackups_005/a+b",
      "basebackups_005/\xC3\xA9",
      "basebackups_005/x/deep/er",
      "basebackups_005/x&y=z?#~'\""};
  for (const std::string& key : odd)
    put(rt, s, key, key);
  for (const std::string& key : odd)
    CHECK(get(rt, s, key) == key);
  std::vector<std::string> sorted = odd;
  std::ranges::sort(sorted);
  CHECK(list(rt, s, "basebackups_005/") == sorted);
  CHECK(list(rt, s, "basebackups_005/x/") == std::vector<std::string>{"basebackups_005/x/deep/er"});
  CHECK(list(rt, s, "basebackups_005/a").size() == 3);
  CHECK(list(rt, s, "nothing/").empty());

  const auto objects = list_objects(rt, s, "basebackups_005/a b");
  REQUIRE(objects.size() == 1);
  CHECK(objects[0].size == 19);
  CHECK(objects[0].modified_ns > 1'500'000'000'000'000'000);
  CHECK(objects[0].last_modified.starts_with("2"));

  remove(rt, s, odd);
  CHECK(list(rt, s, "basebackups_005/").empty());
}

void check_many(io::runtime& rt, store::store& s) {
  std::vector<std::string> keys;
  for (int i = 0; i < 1001; ++i)
    keys.push_back("wal_005/k" + std::to_string(100000 + i));
  for (const std::string& key : keys)
    put(rt, s, key, "x");
  CHECK(list(rt, s, "wal_005/k") == keys);
  remove(rt, s, keys);
  CHECK(list(rt, s, "wal_005/k").empty());
}

void check_removal(io::runtime& rt, store::store& s) {
  put(rt, s, "wal_005/r1", "x");
  put(rt, s, "wal_005/r2", "x");
  remove(rt, s, {"wal_005/r1", "wal_005/never"});
  CHECK_FALSE(get(rt, s, "wal_005/r1"));
  CHECK(get(rt, s, "wal_005/r2") == "x");
  remove(rt, s, {"wal_005/r1"});
}

void check_failing_body(io::runtime& rt, store::store& s, std::size_t size, std::size_t at) {
  const auto body = body_of(rt, noise(size), nullptr, at);
  CHECK(kind_of_failure([&] { put_from(rt, s, "wal_005/broken", *body); }) == kind::corrupt);
  CHECK_FALSE(get(rt, s, "wal_005/broken"));
  CHECK(list(rt, s, "").size() == 1);
  CHECK(rt.blocks().available() == rt.blocks().size() - 4); // the body's own
}

void check_admission(io::runtime& rt, store::store& s) {
  for (const std::size_t size : {std::size_t{1000}, std::size_t{20'000'000}})
    for (const bool admitted : {true, false}) {
      INFO(size << " bytes, " << (admitted ? "admitted" : "not admitted"));
      const std::string key = "wal_005/" + std::to_string(size) + (admitted ? "" : "-not");
      const auto body = body_of(rt, noise(size));
      std::optional<bool> was_there;
      store::put_request request;
      request.key = key_of(key);
      request.admission = [&]() -> task<> {
        const auto found = co_await s.head(key_of(key));
        was_there = found.has_value();
        if (!admitted) throw failure(kind::refused, "not admitted");
      };
      auto put_it = [&]() -> task<> { co_await s.put(std::move(request), *body); };
      const auto failed = kind_of_failure([&] { rt.run(put_it()); });
      CHECK(failed == (admitted ? std::nullopt : std::optional(kind::refused)));
      CHECK(was_there == false);
      CHECK(get(rt, s, key).has_value() == admitted);
      CHECK(list(rt, s, key).size() == (admitted ? 1 : 0));
    }
}

// What is read is one object, or the reading fails: never some of one and some of another.
void check_replacement(io::runtime& rt, store::store& s, const store_fixture& fixture) {
  const std::string before = noise(5'000'001);
  std::string after = before; // even the size is the same
  std::ranges::reverse(after);
  std::optional<std::string> read;
  for (const bool cut : {false, true}) {
    if (cut && !fixture.cut_next_body) continue;
    put(rt, s, "wal_005/x", before);
    if (cut) fixture.cut_next_body(2'000'000);
    auto replace = [&]() -> task<> {
      io::block_budget budget = co_await rt.blocks().reserve(4);
      const auto body = make_source(std::move(budget), after);
      store::put_request request;
      request.key = key_of("wal_005/x");
      co_await s.put(std::move(request), *body);
    };
    const auto failed =
        kind_of_failure([&] { read = get_in_two(rt, s, "wal_005/x", std::ref(replace)); });
    CHECK((failed ? failed == kind::corrupt : read == before));
    CHECK((get(rt, s, "wal_005/x") == after));
  }
}

void check_lost_answers(io::runtime& rt, store::store& s, const store_fixture& fixture) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{100'000}, std::size_t{20'000'000}}) {
    INFO(size << " bytes");
    const std::string key = "wal_005/lost" + std::to_string(size);
    const std::string content = noise(size);
    fixture.lose_next_answer();
    CHECK(put(rt, s, key, content, condition::create_only).what == outcome::stored);
    CHECK((get(rt, s, key) == content));
    fixture.lose_next_answer();
    CHECK(put(rt, s, key, content).what == outcome::stored);
    CHECK((get(rt, s, key) == content));
    CHECK(put(rt, s, key, "another", condition::create_only).what == outcome::exists);
  }
}

void check_expiry(io::runtime& rt, store::store& s, const store_fixture& fixture) {
  for (const std::size_t size : {std::size_t{100'000}, std::size_t{30'000'000}}) {
    INFO(size << " bytes");
    const std::string content = noise(size);
    const auto body = body_of(rt, content, fixture.expire_token);
    put_from(rt, s, "wal_005/x", *body);
    CHECK((get(rt, s, "wal_005/x") == content));
  }
  const std::string whole = noise(30'000'000);
  if (fixture.cut_next_body) fixture.cut_next_body(10'000'000);
  auto expire = [&]() -> task<> {
    fixture.expire_token();
    co_return;
  };
  CHECK((get_in_two(rt, s, "wal_005/x", std::ref(expire)) == whole));
  fixture.expire_token();
  CHECK(list(rt, s, "wal_005/").size() == 1);
  fixture.expire_token();
  CHECK(head(rt, s, "wal_005/x"));
  fixture.expire_token();
  remove(rt, s, {"wal_005/x"});
  CHECK(list(rt, s, "wal_005/").empty());
}

void check_short_bodies(io::runtime& rt, store::store& s, const store_fixture& fixture) {
  const std::string content = noise(5'000'001);
  put(rt, s, "wal_005/x", content);
  for (const std::size_t at : {0, 1, 1'000'000, 5'000'000}) {
    INFO("cut after " << at << " bytes");
    fixture.cut_next_body(at);
    CHECK((get(rt, s, "wal_005/x") == content));
  }
}

void check_missing(io::runtime& rt, store::store& missing) {
  const std::set<std::optional<kind>> expected{kind::unavailable, kind::configuration};
  const auto fails = [&](const std::function<void()>& action) {
    return expected.contains(kind_of_failure(action));
  };
  CHECK(fails([&] { get(rt, missing, "wal_005/x"); }));
  CHECK(fails([&] { head(rt, missing, "wal_005/x"); }));
  CHECK(fails([&] { list(rt, missing, "wal_005/"); }));
  CHECK(fails([&] { put(rt, missing, "wal_005/x", "y"); }));
}

} // namespace

void put_staged(io::runtime& rt, store::store& s, const std::string& key, std::string content) {
  const auto body = body_of(rt, std::move(content));
  put_from(rt, s, key, *body);
}

void check_conformance(const store_fixture& fixture) {
  SECTION("what is not shown has a reason") {
    check_reasons(fixture);
  }
  SECTION("two writers of one name: one content survives, and only its writer is told so") {
    check_race(fixture);
  }

  io::runtime rt;
  const auto s = fixture.open(rt);

  SECTION("a missing container is no absence") {
    const auto missing = fixture.open_missing(rt);
    check_missing(rt, *missing);
  }
  SECTION("an absent object is an answer") {
    put(rt, *s, "wal_005/there", "x");
    CHECK_FALSE(get(rt, *s, "wal_005/x"));
    CHECK_FALSE(head(rt, *s, "wal_005/x"));
  }
  SECTION("objects of every size come back as they were") {
    check_bytes(rt, *s, fixture.part_bytes);
  }
  SECTION("create-only keeps what is there, a plain put replaces it") {
    check_conditions(rt, *s);
  }
  SECTION("listings are sorted, whole, and know odd names") {
    check_listing(rt, *s);
  }
  SECTION("a thousand and one objects are listed and removed") {
    check_many(rt, *s);
  }
  SECTION("removing what is absent is no failure") {
    check_removal(rt, *s);
  }
  SECTION("no object appears before it is admitted, none at all if it is not") {
    check_admission(rt, *s);
  }
  SECTION("a body that fails leaves nothing behind") {
    put(rt, *s, "wal_005/there", "x");
    check_failing_body(rt, *s, 1 << 20, 600'000);
    check_failing_body(rt, *s, 30 << 20, 20'000'000);
  }
  SECTION("an object that is replaced while it is read is not mixed with the other") {
    check_replacement(rt, *s, fixture);
  }
  if (fixture.lose_next_answer) {
    SECTION("a put whose answer is lost has stored the object") {
      check_lost_answers(rt, *s, fixture);
    }
  }
  if (fixture.expire_token) {
    SECTION("credentials that expire in the middle are renewed") {
      check_expiry(rt, *s, fixture);
    }
  }
  if (fixture.cut_next_body) {
    SECTION("an object that breaks off is fetched to its end") {
      check_short_bodies(rt, *s, fixture);
    }
  }
  SECTION("urls and prefixes are WAL-E's") {
    const std::string url = s->url(key_of("wal_005/x"));
    CHECK(url.ends_with("/" + s->prefix() + "wal_005/x"));
    CHECK(url.find("://") != std::string::npos);
  }
}

} // namespace wale::test
