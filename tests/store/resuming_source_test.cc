// Downloads that break off.
#include "store/store_bench.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using test::answered;
using test::broken_connection;
using test::fault;
using test::store_bench;
using repeat = store::request_failure::repeat;

namespace {

constexpr std::size_t size = 3'000'001;

struct download {
  explicit download(const store_bench& b) : server(b.server) {
    test::fake_object o;
    o.bytes = content;
    server->store_object("prefix/k", std::move(o));
    store = b.open(rt);
  }

  void cut(std::uint64_t at, bool quiet = false, int times = 1) const {
    fault f;
    f.operation = "body";
    f.at = at;
    f.quiet = quiet;
    f.times = times;
    server->faults.push_back(std::move(f));
  }

  bool is_whole() { return test::get(rt, *store, "k") == content; }

  std::optional<failure> complaint() {
    try {
      test::get(rt, *store, "k");
    } catch (const failure& f) {
      CHECK(server->bodies_open == 0);
      CHECK(rt.blocks().available() == rt.blocks().size());
      return f;
    }
    return std::nullopt;
  }

  std::shared_ptr<test::fake_server> server;
  std::string content = test::noise(size);
  io::runtime rt;
  std::unique_ptr<store::store> store;
};

} // namespace

TEST_CASE("the rest is asked for from the byte that was reached") {
  download d{store_bench()};
  d.cut(1'000'000);
  d.cut(500'000, true);
  CHECK(d.is_whole());
  CHECK(
      d.server->requests ==
      std::vector<std::string>{"get prefix/k 0", "get prefix/k 1000000", "get prefix/k 1500000"});
  CHECK(d.server->bodies_open == 0);
}

TEST_CASE("every time that bytes come the tries are counted anew") {
  store::retry_policy p = test::quick();
  p.attempts = 2;
  download d{store_bench("prefix/", p)};
  d.cut(100'000, false, 20);
  CHECK(d.is_whole());
  CHECK(d.server->requests.size() == 21);
}

TEST_CASE("without bytes they are not") {
  store::retry_policy p = test::quick();
  p.attempts = 4;
  download d{store_bench("prefix/", p)};
  d.cut(100'000);
  d.cut(0, false, 1'000'000);
  const auto f = d.complaint();
  REQUIRE(f);
  CHECK(f->why() == kind::unavailable);
  CHECK(f->text().detail.starts_with("Connection reset by peer Tried 4 times in "));
  CHECK(d.server->requests.size() == 4);
}

TEST_CASE("a body that ends early again and again fails, it is never taken for whole") {
  store::retry_policy p = test::quick();
  p.attempts = 3;
  download d{store_bench("prefix/", p)};
  d.cut(0, true, 1'000'000);
  const auto f = d.complaint();
  REQUIRE(f);
  CHECK(f->why() == kind::unavailable);
  CHECK(f->text().msg == "an object ended early");
  CHECK(f->text().detail.starts_with("\"prefix/k\" ended at byte 0 of 3000001."));
}

TEST_CASE("the budget bounds the time without bytes") {
  store::retry_policy p = test::quick();
  p.attempts = 0;
  p.limit = std::chrono::milliseconds(200);
  download d{store_bench("prefix/", p)};
  d.cut(0, false, 1'000'000);
  const auto begun = std::chrono::steady_clock::now();
  CHECK(d.complaint());
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
}

TEST_CASE("a reopening that is never answered takes no more than the budget") {
  store::retry_policy p = test::quick();
  p.limit = std::chrono::milliseconds(200);
  download d{store_bench("prefix/", p)};
  d.cut(1000);
  fault f;
  f.operation = "get";
  f.error = nullptr;
  f.spare = 1;
  d.server->faults.push_back(f);
  const auto begun = std::chrono::steady_clock::now();
  CHECK(d.complaint());
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(10));
}

TEST_CASE("a connection that breaks behind the last byte broke nothing") {
  download d{store_bench()};
  d.cut(size);
  CHECK(d.is_whole());
  CHECK(d.server->requests.size() == 1);
}

TEST_CASE("what is final is not asked for again") {
  download d{store_bench()};
  fault f;
  f.operation = "body";
  f.at = 1000;
  f.error = std::make_exception_ptr(failure(kind::corrupt, "the checksum is wrong"));
  d.server->faults.push_back(f);
  const auto told = d.complaint();
  REQUIRE(told);
  CHECK(told->text().msg == "the checksum is wrong");
  CHECK(d.server->requests.size() == 1);
}

TEST_CASE("another object under the name is not mixed with the first") {
  download d{store_bench()};
  d.cut(1'000'000);
  auto replace = [&]() -> task<> {
    test::fake_object o;
    o.bytes = std::string(size, 'x');
    d.server->store_object("prefix/k", std::move(o));
    co_return;
  };
  std::optional<failure> told;
  try {
    test::get_in_two(d.rt, *d.store, "k", std::ref(replace));
  } catch (const failure& f) {
    told = f;
  }
  REQUIRE(told);
  CHECK(told->why() == kind::corrupt);
  CHECK(told->text().msg == "the object is another one"); // the store was told which one
  CHECK(d.server->bodies_open == 0);
}

TEST_CASE("an object that is removed meanwhile is a failure, not an end") {
  download d{store_bench()};
  d.cut(1'000'000);
  auto remove = [&]() -> task<> {
    d.server->objects.clear();
    co_return;
  };
  std::optional<failure> told;
  try {
    test::get_in_two(d.rt, *d.store, "k", std::ref(remove));
  } catch (const failure& f) {
    told = f;
  }
  REQUIRE(told);
  CHECK(told->why() == kind::corrupt);
  CHECK(told->text().msg == "an object was removed while it was read");
}

TEST_CASE("a store that ignores the condition is found out by the mark it tells") {
  const store_bench b;
  download d{b};
  b.server->obeys_if_match = false;
  d.cut(1'000'000);
  auto replace = [&]() -> task<> {
    test::fake_object o;
    o.bytes = std::string(size, 'x');
    d.server->store_object("prefix/k", std::move(o));
    co_return;
  };
  std::optional<failure> told;
  try {
    test::get_in_two(d.rt, *d.store, "k", std::ref(replace));
  } catch (const failure& f) {
    told = f;
  }
  REQUIRE(told);
  CHECK(told->text().msg == "an object was replaced while it was read");
  CHECK(d.server->bodies_open == 0);
}

TEST_CASE("without a mark nothing is resumed") {
  store_bench b;
  b.server->etags = false;
  download d{b};
  d.cut(1'000'000);
  const auto told = d.complaint();
  REQUIRE(told);
  CHECK(told->text().msg == "the connection to the server broke");
  CHECK(d.server->requests.size() == 1);
}

TEST_CASE("more bytes than the store said are not taken") {
  download d{store_bench()};
  d.server->understated = 1;
  const auto told = d.complaint();
  REQUIRE(told);
  CHECK(told->why() == kind::corrupt);
  CHECK(told->text().msg == "an object has more bytes than the store said");
}
