// Cancels a put and a get at each place where they wait, in turn: no block, no body and no upload
// may stay behind.
#include "io/fixture.hpp"
#include "store/store_bench.hpp"

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::io::test;
using test::store_bench;

namespace {

// Waits like a body that comes from a disk.
class waiting_source final : public io::source {
public:
  waiting_source(io::runtime& rt, test::fake_server& server, std::unique_ptr<io::source> inner)
      : runtime_(rt), server_(server), inner_(std::move(inner)) {}
  task<io::block> next() override {
    server_.waits();
    co_await runtime_.sleep(std::chrono::nanoseconds(0));
    co_return co_await inner_->next();
  }
  task<> close() override { return inner_->close(); }

private:
  io::runtime& runtime_;
  test::fake_server& server_;
  std::unique_ptr<io::source> inner_;
};

task<> put(io::runtime& rt, test::fake_server& server, store::store& s, std::size_t size) {
  store::put_request request;
  request.key = test::key_of("k");
  request.condition = store::put_condition::create_only;
  request.staging = co_await rt.blocks().reserve(s.staging_blocks());
  io::block_budget budget = co_await rt.blocks().reserve(2);
  waiting_source body(rt, server, test::make_source(std::move(budget), std::string(size, 'x')));
  co_await s.put(std::move(request), body);
}

task<> get(io::runtime& rt, store::store& s) {
  io::block_budget budget = co_await rt.blocks().reserve(2);
  const auto body = co_await s.get(test::key_of("k"), std::move(budget));
  std::exception_ptr error;
  try {
    while (true) {
      const io::block b = co_await body->next();
      if (!b) break;
    }
  } catch (...) {
    error = std::current_exception();
  }
  co_await io::shield(body->close());
  if (error) std::rethrow_exception(error);
}

task<> note_end(task<> work, bool& ended) {
  co_await std::move(work);
  ended = true;
}

// Runs `work` and cancels it when it waits for the `n`-th time; true if it ended before that.
task<bool> cancelled_at(io::runtime& rt, test::fake_server& server, int n, task<> work) {
  io::task_group group(rt.context().get_executor());
  int waits = 0;
  server.at_wait = [&] {
    if (++waits == n) group.cancel();
  };
  bool ended = false;
  group.spawn(note_end(std::move(work), ended));
  const auto error = co_await error_of(group.join());
  server.at_wait = nullptr;
  REQUIRE_FALSE(error);
  co_return ended;
}

task<> cancel_puts(io::runtime& rt, std::size_t size, int& places, int& orphans) {
  const store_bench b;
  const auto s = b.open(rt);
  bool ended = false;
  while (!ended) {
    b.server->requests.clear();
    b.server->objects.clear();
    ++places;
    ended = co_await cancelled_at(rt, *b.server, places, put(rt, *b.server, *s, size));
    REQUIRE(rt.blocks().available() == rt.blocks().size());
    REQUIRE(b.server->bodies_changed == 0);
    if (b.server->uploads.empty()) continue;
    // Nobody was told the name of this one.
    REQUIRE(b.server->requests.back().starts_with("begin "));
    b.server->uploads.clear();
    ++orphans;
  }
  REQUIRE(b.server->objects.at("prefix/k")->bytes.size() == size);
}

} // namespace

WALE_IO_TEST("a put in one request can be cancelled anywhere") {
  int places = 0;
  int orphans = 0;
  co_await cancel_puts(rt, 600'000, places, orphans);
  REQUIRE(places > 6);
  REQUIRE(orphans == 0);
}

WALE_IO_TEST("a put in parts can be cancelled anywhere") {
  int places = 0;
  int orphans = 0;
  co_await cancel_puts(rt, 3 * test::part_bytes + 1, places, orphans);
  REQUIRE(places > 80);
  REQUIRE(orphans == 1);
}

WALE_IO_TEST("an abort under way is not cancelled, and the first failure is told") {
  const store_bench b;
  const auto s = b.open(rt);
  b.add("complete", test::answered(store::request_failure::repeat::never, "AccessDenied"));
  io::task_group group(rt.context().get_executor());
  b.server->at_wait = [&] {
    if (b.server->count("abort") == 1) group.cancel();
  };
  group.spawn(put(rt, *b.server, *s, 3 * test::part_bytes));
  const auto error = co_await error_of(group.join());
  REQUIRE(failure_in(error).text().detail == "It said AccessDenied.");
  REQUIRE(b.server->count("abort") == 1);
  REQUIRE(b.server->uploads.empty());
}

WALE_IO_TEST("a get can be cancelled anywhere") {
  const store_bench b;
  const auto s = b.open(rt);
  test::fake_object o;
  o.bytes = std::string(900'000, 'x');
  b.server->store_object("prefix/k", std::move(o));
  bool ended = false;
  int places = 0;
  while (!ended) {
    test::fault& f = b.add("body");
    f.at = 300'000;
    ++places;
    ended = co_await cancelled_at(rt, *b.server, places, get(rt, *s));
    b.server->faults.clear();
    REQUIRE(rt.blocks().available() == rt.blocks().size());
    REQUIRE(b.server->bodies_open == 0);
  }
  REQUIRE(places > 8);
}
