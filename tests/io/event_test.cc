// Events: order, cancellation, and the notification that must not get lost.
#include "fixture.hpp"

#include <wale/io/event.hpp>

#include <memory>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;

namespace {

task<> note(event& e, std::vector<int>& order, int number) {
  co_await e.wait();
  order.push_back(number);
}

} // namespace

WALE_IO_TEST("waiters are woken in order, one by one") {
  event e;
  std::vector<int> order;
  task_group group(rt.context().get_executor());
  for (int i = 0; i < 3; ++i)
    group.spawn(note(e, order, i));
  co_await turns();
  e.notify_one();
  co_await turns();
  REQUIRE(order == std::vector<int>{0});
  e.notify_all();
  co_await group.join();
  REQUIRE(order == std::vector<int>{0, 1, 2});
}

WALE_IO_TEST("a notification without waiters is not kept") {
  event e;
  e.notify_one();
  std::vector<int> order;
  task_group group(rt.context().get_executor());
  group.spawn(note(e, order, 1));
  co_await turns();
  co_await turns();
  REQUIRE(order.empty());
  group.cancel();
  co_await group.join();
  REQUIRE(order.empty());
}

WALE_IO_TEST("a notification spent on a cancelled waiter goes to the next") {
  event e;
  std::vector<int> order;
  task_group first(rt.context().get_executor());
  task_group second(rt.context().get_executor());
  first.spawn(note(e, order, 1));
  second.spawn(note(e, order, 2));
  co_await turns();
  e.notify_one();
  first.cancel(); // notified already, but not yet resumed
  co_await first.join();
  co_await second.join();
  REQUIRE(order == std::vector<int>{2});
}

WALE_IO_TEST("waiting in a coroutine that was cancelled before throws at once") {
  event e;
  std::vector<int> order;
  task_group group(rt.context().get_executor());
  group.cancel();
  group.spawn(note(e, order, 1));
  co_await group.join();
  REQUIRE(order.empty());
}
