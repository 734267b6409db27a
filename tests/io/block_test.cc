// Blocks, budgets and the pool.
#include "fixture.hpp"

#include <wale/io/block.hpp>

#include <cstring>
#include <sys/resource.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

task<> take(block_budget& budget, std::vector<int>& order, int number, std::vector<block>& kept) {
  block b = co_await budget.acquire();
  order.push_back(number);
  kept.push_back(std::move(b));
}

task<> reserve(block_pool& pool, std::size_t n, std::vector<int>& order, int number) {
  const block_budget share = co_await pool.reserve(n);
  REQUIRE(share.size() == n);
  order.push_back(number);
}

long page_faults() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

} // namespace

WALE_IO_TEST("the window of a block grows at both ends within its bounds") {
  block_pool pool(1);
  block_budget budget = co_await pool.reserve(1);
  block b = co_await budget.acquire();
  REQUIRE(b);
  REQUIRE(b.empty());
  REQUIRE(b.room().size() == block::payload);
  REQUIRE(b.room_with_slack().size() == block::payload + block::slack);
  REQUIRE(reinterpret_cast<std::uintptr_t>(b.room().data()) % 4096 == 0);

  std::memset(b.room().data(), 1, 100);
  b.append(100);
  REQUIRE(b.size() == 100);
  REQUIRE(b.room().size() == block::payload - 100);
  const auto front = b.prepend(block::headroom);
  REQUIRE(front.size() == block::headroom);
  REQUIRE(b.size() == 100 + block::headroom);
  b.drop_front(block::headroom + 10);
  REQUIRE(b.size() == 90);
  REQUIRE(b.bytes()[0] == std::byte{1});
  b.truncate(5);
  REQUIRE(b.size() == 5);
  b.append(b.room_with_slack().size());
  REQUIRE(b.room().empty());
  REQUIRE(b.room_with_slack().empty());
  b.clear();
  REQUIRE(b.empty());
  REQUIRE(b.room().size() == block::payload);
}

WALE_IO_TEST("blocks come back to their budget, budgets to the pool") {
  block_pool pool(4);
  REQUIRE(pool.available() == 4);
  {
    block_budget budget = co_await pool.reserve(3);
    REQUIRE(pool.available() == 1);
    block a = co_await budget.acquire();
    block b = budget.try_acquire();
    block c = budget.try_acquire();
    REQUIRE(!budget.try_acquire());
    REQUIRE(budget.available() == 0);
    b = std::move(c);
    REQUIRE(budget.available() == 1);
    budget = block_budget();
    REQUIRE(pool.available() == 1); // a and b still belong to it
  }
  REQUIRE(pool.available() == 4);
}

WALE_IO_TEST("a budget larger than the pool is a bug") {
  block_pool pool(4);
  std::vector<int> order;
  const auto error = co_await error_of(reserve(pool, 5, order, 0));
  REQUIRE(failure_in(error).why() == kind::bug);
}

WALE_IO_TEST("a split takes free blocks for good, and both parts return") {
  block_pool pool(4);
  {
    block_budget whole = co_await pool.reserve(4);
    block_budget part = whole.split(3);
    REQUIRE(whole.size() == 1);
    REQUIRE(part.size() == 3);
    block a = co_await whole.acquire();
    REQUIRE(!whole.try_acquire());
    block b = co_await part.acquire();
    REQUIRE(part.available() == 2);
    REQUIRE_THROWS_AS(whole.split(1), failure);
    part = block_budget();
    REQUIRE(pool.available() == 0);
    b = block();
    REQUIRE(pool.available() == 3);
  }
  REQUIRE(pool.available() == 4);
}

WALE_IO_TEST("who waits for a block first gets it first, and nobody overtakes") {
  block_pool pool(1);
  block_budget budget = co_await pool.reserve(1);
  block held = co_await budget.acquire();
  std::vector<int> order;
  std::vector<block> kept;
  task_group group(rt.context().get_executor());
  for (int i = 0; i < 3; ++i)
    group.spawn(take(budget, order, i, kept));
  co_await turns();
  REQUIRE(order.empty());
  held = block();
  REQUIRE(!budget.try_acquire()); // it is the first waiter's already
  for (int i = 0; i < 3; ++i) {
    co_await turns();
    REQUIRE(order.size() == static_cast<std::size_t>(i) + 1);
    REQUIRE(order.back() == i);
    kept.clear();
  }
  co_await group.join();
}

WALE_IO_TEST("a cancelled waiter leaves nothing behind, before and after it was served") {
  block_pool pool(1);
  block_budget budget = co_await pool.reserve(1);
  block held = co_await budget.acquire();
  std::vector<int> order;
  std::vector<block> kept;
  task_group first(rt.context().get_executor());
  task_group second(rt.context().get_executor());
  task_group third(rt.context().get_executor());
  first.spawn(take(budget, order, 1, kept));
  second.spawn(take(budget, order, 2, kept));
  third.spawn(take(budget, order, 3, kept));
  co_await turns();
  first.cancel();
  co_await first.join();
  held = block();  // served to the second ...
  second.cancel(); // ... which has not run yet
  co_await second.join();
  co_await third.join();
  REQUIRE(order == std::vector<int>{3});
  kept.clear();
  REQUIRE(budget.available() == 1);
}

WALE_IO_TEST("reservations are first come, first served, whatever their size") {
  block_pool pool(4);
  std::vector<int> order;
  task_group group(rt.context().get_executor());
  {
    const block_budget held = co_await pool.reserve(2);
    group.spawn(reserve(pool, 4, order, 1));
    group.spawn(reserve(pool, 1, order, 2)); // would fit, but came later
    co_await turns();
    REQUIRE(order.empty());
  }
  co_await group.join();
  REQUIRE(order == std::vector<int>{1, 2});
  REQUIRE(pool.available() == 4);
}

WALE_IO_TEST("a large reservation that gives up lets the small one behind it through") {
  block_pool pool(4);
  std::vector<int> order;
  const block_budget held = co_await pool.reserve(2);
  task_group large(rt.context().get_executor());
  task_group small(rt.context().get_executor());
  large.spawn(reserve(pool, 4, order, 1));
  small.spawn(reserve(pool, 1, order, 2));
  co_await turns();
  large.cancel();
  co_await large.join();
  co_await small.join();
  REQUIRE(order == std::vector<int>{2});
  REQUIRE(pool.available() == 2);
}

WALE_IO_TEST("a pool costs no memory until its blocks are used, and reuses the last one") {
  const long before = page_faults();
  block_pool pool(4000);
  block_budget budget = co_await pool.reserve(4000);
  for (int i = 0; i < 1000; ++i) {
    block b = co_await budget.acquire();
    std::memset(b.room().data(), 1, b.room().size());
  }
  // 4000 blocks are 1.1 GB, and 280,000 pages; one block is 70.
  REQUIRE(page_faults() - before < 2000);
}
