// The bounded channel.
#include "fixture.hpp"

#include <wale/io/channel.hpp>

#include <algorithm>
#include <memory>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;

namespace {

using item = std::unique_ptr<int>;

task<> produce(channel<item>& c, int from, int to) {
  for (int i = from; i < to; ++i) {
    item next = std::make_unique<int>(i);
    co_await c.push(std::move(next));
    REQUIRE(c.size() <= 4);
  }
}

task<> consume(channel<item>& c, std::vector<int>& got) {
  while (true) {
    const std::optional<item> next = co_await c.pop();
    if (!next) co_return;
    got.push_back(**next);
  }
}

task<> push_one(channel<item>& c, int value) {
  item next = std::make_unique<int>(value);
  co_await c.push(std::move(next));
}

task<> produce_then_close(channel<item>& c) {
  task_group group(co_await boost::asio::this_coro::executor);
  for (int p = 0; p < 4; ++p)
    group.spawn(produce(c, p * 1000, p * 1000 + 1000));
  co_await group.join();
  c.close();
}

} // namespace

WALE_IO_TEST("many producers and consumers: every item once") {
  channel<item> c(4);
  std::vector<int> got;
  task_group group(rt.context().get_executor());
  for (int i = 0; i < 3; ++i)
    group.spawn(consume(c, got));
  group.spawn(produce_then_close(c));
  co_await group.join();
  std::ranges::sort(got);
  REQUIRE(got.size() == 4000);
  for (int i = 0; i < 4000; ++i)
    REQUIRE(got[static_cast<std::size_t>(i)] == i);
}

WALE_IO_TEST("one producer and one consumer keep the order") {
  channel<item> c(1);
  std::vector<int> got;
  task_group group(rt.context().get_executor());
  group.spawn(consume(c, got));
  co_await produce(c, 0, 100);
  c.close();
  co_await group.join();
  REQUIRE(got.size() == 100);
  REQUIRE(std::ranges::is_sorted(got));
}

WALE_IO_TEST("what is queued can be popped after close, then nothing, and pushes fail") {
  channel<item> c(4);
  co_await push_one(c, 7);
  c.close();
  const std::optional<item> first = co_await c.pop();
  REQUIRE(first);
  const std::optional<item> second = co_await c.pop();
  REQUIRE(!second);
  const auto error = co_await error_of(push_one(c, 8));
  REQUIRE(is_interruption(error));
}

WALE_IO_TEST("cancelled push and pop leave the queue as it was") {
  channel<item> c(1);
  std::vector<int> got;
  task_group group(rt.context().get_executor());
  group.spawn(consume(c, got));
  co_await turns();
  group.cancel();
  co_await group.join();
  co_await push_one(c, 1);

  task_group pushing(rt.context().get_executor());
  pushing.spawn(push_one(c, 2));
  co_await turns();
  pushing.cancel();
  co_await pushing.join();
  REQUIRE(c.size() == 1);
  const std::optional<item> left = c.try_pop();
  REQUIRE(left);
  REQUIRE(**left == 1);
  REQUIRE(!c.try_pop());
}

WALE_IO_TEST("an item that arrives while its popper is cancelled stays in the queue") {
  channel<item> c(1);
  std::vector<int> got;
  task_group group(rt.context().get_executor());
  group.spawn(consume(c, got));
  co_await turns();
  co_await push_one(c, 1);
  group.cancel();
  co_await group.join();
  REQUIRE(got.size() + c.size() == 1);
}
