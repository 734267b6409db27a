// Objects over a bucket in memory: the conformance suite, and how objects become requests.
#include "store/store_bench.hpp"
#include "support/captured_stderr.hpp"
#include "support/failure_of.hpp"

#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <algorithm>
#include <ctime>
#include <set>

using namespace wale;
using test::answered;
using test::failure_of;
using test::fault;
using test::part_bytes;
using test::store_bench;
using outcome = store::put_result::outcome;
using repeat = store::request_failure::repeat;
using condition = store::put_condition;

namespace {

constexpr std::size_t most_at_once = 2 * part_bytes; // that go up in one request

std::unique_ptr<store::store>
open_retrying(io::runtime& rt, const std::shared_ptr<test::fake_server>& server) {
  auto bucket = store::make_retrying(rt, test::make_fake_bucket(rt, server), test::quick());
  return store::make_object_store(rt, std::move(bucket), "a/prefix/", test::quick());
}

std::unique_ptr<io::source> body_of(io::runtime& rt, std::string content) {
  std::unique_ptr<io::source> body;
  auto make = [&]() -> task<> {
    io::block_budget budget = co_await rt.blocks().reserve(2);
    body = test::make_source(std::move(budget), std::move(content), 100'003);
  };
  rt.run(make());
  return body;
}

struct counted {
  std::map<std::string, int> requests;
  store::put_result result;
};

// One put of noise with everything the store wants; which requests it took.
counted put_noise(const store_bench& b, std::size_t size, condition c = condition::none) {
  io::runtime rt;
  const auto s = b.open(rt);
  const auto body = body_of(rt, test::noise(size));
  b.server->requests.clear();
  counted n;
  n.result = test::put_from(rt, *s, "k", *body, c);
  for (const std::string& r : b.server->requests)
    ++n.requests[r.substr(0, r.find(' '))];
  n.requests.erase("warm_up");
  return n;
}

} // namespace

TEST_CASE("an object store keeps the promises of a store") {
  const auto server = std::make_shared<test::fake_server>();
  const auto missing = std::make_shared<test::fake_server>();
  missing->missing = true;
  test::store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_retrying(rt, server); };
  fixture.open_missing = [&](io::runtime& rt) { return open_retrying(rt, missing); };
  fixture.race = test::race_in_one_loop(fixture.open);
  fixture.part_bytes = part_bytes;
  fixture.lose_next_answer = [&] {
    server->faults.clear();
    for (const char* operation : {"put", "complete"}) {
      fault f;
      f.operation = operation;
      f.done = true;
      server->faults.push_back(f);
    }
  };
  fixture.expire_token = [&] { server->token_expired = true; };
  fixture.cut_next_body = [&](std::size_t at) {
    fault f;
    f.operation = "body";
    f.at = at;
    server->faults.push_back(f);
  };
  test::check_conformance(fixture);
  CHECK(server->uploads.empty());
  CHECK(server->bodies_open == 0);
  CHECK(server->bodies_changed == 0);
}

TEST_CASE("what fits into the staging goes up in one request") {
  const store_bench b;
  using counts = std::map<std::string, int>;
  CHECK(put_noise(b, 0).requests == counts{{"put", 1}});
  CHECK(put_noise(b, part_bytes + 1).requests == counts{{"put", 1}});
  CHECK(put_noise(b, most_at_once).requests == counts{{"put", 1}});
  CHECK(
      put_noise(b, most_at_once + 1).requests ==
      counts{{"begin", 1}, {"put_part", 3}, {"complete", 1}});
  CHECK(
      put_noise(b, 5 * part_bytes).requests ==
      counts{{"begin", 1}, {"put_part", 5}, {"complete", 1}});
  CHECK((b.server->objects.at("prefix/k")->bytes == test::noise(5 * part_bytes)));
}

TEST_CASE("as many parts are on their way as the store takes") {
  const store_bench b;
  CHECK(put_noise(b, 6 * part_bytes).result.bytes == 6 * part_bytes);
  CHECK(b.server->most_in_flight["put_part"] == 2);
  b.server->most_in_flight.clear();
  b.server->traits.parts_at_once = 1;
  put_noise(b, 6 * part_bytes);
  CHECK(b.server->most_in_flight["put_part"] == 1);
}

TEST_CASE("an object with more parts than the store takes is refused") {
  const store_bench b;
  b.server->traits.most_parts = 3;
  CHECK(put_noise(b, 3 * part_bytes).result.what == outcome::stored);
  const auto f = failure_of([&] { put_noise(b, 3 * part_bytes + 1); });
  REQUIRE(f);
  CHECK(f->why() == kind::refused);
  CHECK(f->text().detail.find("more than 3 parts") != std::string::npos);
  CHECK(b.server->uploads.empty());
}

TEST_CASE("a small object without staging takes one block") {
  const store_bench b;
  io::runtime_options options;
  options.blocks = 3;
  io::runtime rt(options);
  const auto s = b.open(rt);
  const auto body = body_of(rt, test::noise(io::block::payload));
  CHECK(test::put_from(rt, *s, "k", *body, condition::none, false).bytes == io::block::payload);
  CHECK((b.server->objects.at("prefix/k")->bytes == test::noise(io::block::payload)));
}

TEST_CASE("the content type and the digest go with the object, the digest asked for once") {
  for (const std::size_t size : {std::size_t{10}, most_at_once + 1}) {
    const store_bench b;
    io::runtime rt;
    const auto s = b.open(rt);
    int asked = 0;
    int begun = -1;
    auto put = [&]() -> task<> {
      store::put_request request;
      request.key = test::key_of("k");
      request.content_type = "text/plain";
      request.staging = co_await rt.blocks().reserve(s->staging_blocks());
      request.plain_digest = [&] {
        ++asked;
        begun = b.server->count("begin");
        return std::optional(sha256().finish());
      };
      io::block_budget budget = co_await rt.blocks().reserve(2);
      const auto body = test::make_source(std::move(budget), test::noise(size));
      co_await s->put(std::move(request), *body);
    };
    rt.run(put());
    CHECK(asked == 1);
    CHECK(begun == 0);
    CHECK(b.server->objects.at("prefix/k")->description.content_type == "text/plain");
    CHECK(b.server->objects.at("prefix/k")->description.plain_digest == sha256().finish());
  }
}

TEST_CASE("every put has a token of its own") {
  const store_bench b;
  std::set<std::string> tokens;
  for (int i = 0; i < 10; ++i) {
    put_noise(b, i % 2 == 0 ? 1 : most_at_once + 1);
    tokens.insert(b.server->objects.at("prefix/k")->description.token);
  }
  CHECK(tokens.size() == 10);
  for (const std::string& t : tokens) {
    CHECK(t.size() == 32);
    CHECK(t.find_first_not_of("0123456789abcdef") == std::string::npos);
  }
}

TEST_CASE("the driver is warmed up before the first request, whether that works or not") {
  const store_bench b;
  b.add("warm_up");
  put_noise(b, 1);
  CHECK(b.server->requests == std::vector<std::string>{"warm_up ", "put prefix/k"});
}

TEST_CASE("an upload that meets an object of that name is aborted") {
  const store_bench b;
  put_noise(b, 10);
  const counted n = put_noise(b, most_at_once + 1, condition::create_only);
  CHECK(n.result.what == outcome::exists);
  CHECK(n.result.bytes == most_at_once + 1);
  CHECK(n.requests.at("abort") == 1);
  CHECK(b.server->uploads.empty());
  CHECK(b.server->objects.at("prefix/k")->bytes.size() == 10);
}

TEST_CASE("a failed upload is aborted, and what failed first is told") {
  for (const char* operation : {"put_part", "complete"}) {
    for (const bool abort_fails : {false, true}) {
      INFO(operation << (abort_fails ? ", and abort" : ""));
      const store_bench b;
      b.add(operation, answered(repeat::never, "AccessDenied")).spare = operation[0] == 'p' ? 2 : 0;
      if (abort_fails) b.add("abort", answered(repeat::never, "MethodNotAllowed"));
      const auto f = failure_of([&] { put_noise(b, 5 * part_bytes); });
      REQUIRE(f);
      CHECK(f->text().detail == "It said AccessDenied.");
      CHECK(b.server->count("abort") == 1);
      CHECK(b.server->uploads.empty() != abort_fails);
      CHECK(b.server->objects.empty());
    }
  }
}

TEST_CASE("an abort without an answer is not waited for long") {
  const store_bench b;
  b.add("complete", answered(repeat::never, "AccessDenied"));
  b.add("abort", nullptr);
  const auto begun = std::chrono::steady_clock::now();
  const auto f = failure_of([&] { put_noise(b, 3 * part_bytes); });
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
  REQUIRE(f);
  CHECK(f->text().detail == "It said AccessDenied.");
}

TEST_CASE("listings go from page to page, below the prefix only") {
  const store_bench b;
  io::runtime rt;
  const auto s = b.open(rt);
  std::vector<std::string> keys;
  for (int i = 10; i < 20; ++i)
    keys.push_back("wal_005/" + std::to_string(i));
  for (const std::string& key : keys)
    b.server->store_object("prefix/" + key, {});
  b.server->store_object("prefix/", {});
  b.server->store_object("prefix", {});
  b.server->store_object("prefix2/wal_005/11", {});
  b.server->page = 3;
  CHECK(test::list(rt, *s, "wal_005/") == keys);
  CHECK(b.server->count("list") == 4);
  CHECK(test::list(rt, *s, "") == keys);
  CHECK(test::list(rt, *s, "wal_005/12") == std::vector<std::string>{"wal_005/12"});
}

TEST_CASE("a listing that does not advance is a failure") {
  const store_bench b;
  io::runtime rt;
  const auto s = b.open(rt);
  for (const char* key : {"prefix/a", "prefix/b", "prefix/c", "prefix/d"})
    b.server->store_object(key, {});
  b.server->page = 2;
  store::list_page first;
  SECTION("pages come again") {
    b.server->tamper = [&](store::list_page& page) {
      if (first.objects.empty()) first = page;
      page = first;
    };
  }
  SECTION("there is more, of nothing") {
    b.server->tamper = [](store::list_page& page) {
      page.objects.clear();
      page.more = true;
    };
  }
  SECTION("names are not in order") {
    b.server->tamper = [](store::list_page& page) {
      std::ranges::reverse(page.objects);
      page.more = false;
    };
  }
  SECTION("names of others come") {
    b.server->tamper = [](store::list_page& page) {
      page.objects.at(1).key.name = "q";
      page.more = false;
    };
  }
  const auto f = failure_of([&] { test::list(rt, *s, ""); });
  REQUIRE(f);
  CHECK(f->why() == kind::unavailable);
  CHECK(f->text().msg == "the store's listing is not in order");
  CHECK(b.server->count("list") <= 2);
}

TEST_CASE("objects are removed in order, as many at once as the store takes") {
  const store_bench b;
  io::runtime rt;
  const auto s = b.open(rt);
  std::vector<std::string> keys;
  for (int i = 0; i < 40; ++i) {
    keys.push_back(std::to_string(140 - i));
    b.server->store_object("prefix/" + keys.back(), {});
  }
  SECTION("some") {
    b.server->traits.removals_at_once = 15;
    test::remove(rt, *s, keys);
    CHECK(
        b.server->requests ==
        std::vector<std::string>{"remove prefix/140", "remove prefix/125", "remove prefix/110"});
    CHECK(b.server->most_in_flight["remove"] == 1);
  }
  SECTION("one") {
    b.server->traits.removals_at_once = 1;
    test::remove(rt, *s, keys);
    CHECK(b.server->requests.size() == 40);
    CHECK(b.server->requests.front() == "remove prefix/140");
    CHECK(b.server->requests.back() == "remove prefix/101");
    CHECK(b.server->most_in_flight["remove"] == 16);
  }
  CHECK(b.server->objects.empty());
  b.server->requests.clear();
  test::remove(rt, *s, {});
  CHECK(b.server->requests.empty());
}

TEST_CASE("all are tried, and the first that could not be removed is named") {
  const store_bench b;
  io::runtime rt;
  const auto s = b.open(rt);
  b.server->traits.removals_at_once = 2;
  const std::vector<std::string> keys{"f", "e", "d", "c", "b", "a"};
  for (const std::string& key : keys)
    b.server->store_object("prefix/" + key, {});
  SECTION("by its own refusal") {
    b.server->kept = {{"prefix/e", "AccessDenied"}, {"prefix/f", "ObjectLocked"}};
    const auto f = failure_of([&] { test::remove(rt, *s, keys); });
    REQUIRE(f);
    CHECK(f->text().detail == "\"prefix/f\": ObjectLocked: it stays\nAnd 1 more.");
    CHECK(b.server->objects.size() == 2);
  }
  SECTION("with its request") {
    b.add("remove", answered(repeat::never, "MalformedXML")).spare = 1;
    const auto f = failure_of([&] { test::remove(rt, *s, keys); });
    REQUIRE(f);
    CHECK(f->text().detail.starts_with("\"prefix/d\": MalformedXML: "));
    CHECK(b.server->objects.size() == 2);
  }
  SECTION("with a final answer of any kind") {
    const failure odd(kind::unavailable, "the store refused a request", "It said Odd.");
    const auto never = store::request_failure(odd, repeat::never, "Odd");
    b.add("remove", std::make_exception_ptr(never)).spare = 1;
    const auto f = failure_of([&] { test::remove(rt, *s, keys); });
    REQUIRE(f);
    CHECK(f->text().detail.starts_with("\"prefix/d\": Odd: "));
    CHECK(b.server->objects.size() == 2);
  }
  SECTION("but not if there is no answer") {
    b.add("remove").spare = 1;
    const auto f = failure_of([&] { test::remove(rt, *s, keys); });
    REQUIRE(f);
    CHECK(f->text().msg == "the connection to the server broke");
    CHECK(b.server->count("remove") == 2);
  }
}

TEST_CASE("uploads that were left unfinished for a day are swept, others are not") {
  const store_bench b;
  const std::int64_t now = std::int64_t{std::time(nullptr)} * 1'000'000'000;
  const std::int64_t hour = std::int64_t{3600} * 1'000'000'000;
  const auto left = [&](const std::string& id, const std::string& key, std::int64_t hours) {
    test::fake_upload u;
    u.what.key = key;
    u.what.id = id;
    u.begun_ns = now - hours * hour;
    b.server->uploads.emplace(id, u);
  };
  left("1", "prefix/wal_005/a", 25);
  left("2", "prefix/wal_005/a", 23);
  left("3", "other/wal_005/a", 100);
  left("4", "prefix/basebackups_005/a", 1000);
  left("5", "prefix/of another program", 100);
  left("6", "prefix/wal_005", 100);
  io::runtime rt;
  const auto s = b.open(rt);
  b.add("abort"); // one that fails is no reason to stop
  rt.run(s->prepare());
  CHECK(b.server->uploads.size() == 5);
  rt.run(s->prepare());
  CHECK(b.server->uploads.size() == 4);
  for (const char* kept : {"2", "3", "5", "6"})
    CHECK(b.server->uploads.contains(kept));
}

TEST_CASE("a store that lists no uploads is prepared all the same") {
  const store_bench b;
  io::runtime rt;
  const auto s = b.open(rt);
  std::string told;
  {
    const test::captured_stderr err(log::level::debug);
    b.add("unfinished", answered(repeat::never, "NotImplemented"));
    rt.run(s->prepare());
    told = err.text();
  }
  CHECK(told.find("DEBUG") != std::string::npos);
  CHECK(told.find("WARNING") == std::string::npos);
  CHECK(told.find("NotImplemented") != std::string::npos);
}

TEST_CASE("urls, prefixes and kinds are as WAL-E prints them") {
  io::runtime rt;
  const auto key = test::key_of("wal_005/x");
  for (const char* root : {"a/b/", "/a/b/"}) {
    const auto s = store_bench(root).open(rt);
    CHECK(s->url(key) == "fake://bucket/a/b/wal_005/x");
    CHECK(s->prefix() == "a/b/");
    CHECK(s->kind_name() == "fake");
  }
  const auto s = store_bench("").open(rt);
  CHECK(s->url(key) == "fake://bucket/wal_005/x");
  CHECK(s->prefix().empty());
}
