// Work on the CPU pool, and chains of it.
#include "fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <sched.h>
#include <sstream>
#include <string>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

// One that was joined is there until the kernel has taken it down; its flags (the seventh field
// behind the name in /proc/pid/stat, proc(5)) have PF_EXITING then.
bool is_exiting(const std::filesystem::path& task) {
  std::ifstream in(task / "stat");
  std::string text;
  std::getline(in, text);
  const std::size_t name = text.rfind(')');
  if (name == text.npos) return true;
  std::istringstream fields(text.substr(name + 1));
  std::string skipped;
  for (int i = 0; i < 6; ++i)
    fields >> skipped;
  unsigned long flags = 0;
  fields >> flags;
  return (flags & 4) != 0;
}

int threads_of_this_process() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    count += !is_exiting(task.path());
  return count;
}

} // namespace

WALE_IO_TEST("offloaded work runs on another thread and gives its result back on this one") {
  const auto here = std::this_thread::get_id();
  auto where = [] { return std::this_thread::get_id(); };
  const std::thread::id there = co_await rt.offload(where);
  REQUIRE(there != here);
  REQUIRE(std::this_thread::get_id() == here);
  auto fails = []() -> int { throw failure(kind::corrupt, "in the worker"); };
  auto run_failing = [&]() -> task<> { co_await rt.offload(fails); };
  const auto error = co_await error_of(run_failing());
  REQUIRE(failure_in(error).text().msg == "in the worker");
  int calls = 0;
  auto nothing = [&calls] { ++calls; };
  co_await rt.offload(nothing);
  REQUIRE(calls == 1);
}

WALE_IO_TEST("the pool has as many threads as the process may use, and none before it is used") {
  cpu_set_t set;
  REQUIRE(::sched_getaffinity(0, sizeof set, &set) == 0);
  REQUIRE(rt.workers() == static_cast<unsigned>(CPU_COUNT(&set)));
  const int before = threads_of_this_process();
  auto nothing = [] {};
  co_await rt.offload(nothing);
  REQUIRE(threads_of_this_process() == before + 1);
  std::latch all_inside(rt.workers());
  auto meet = [&] { all_inside.arrive_and_wait(); };
  auto offload_one = [&]() -> task<> { co_await rt.offload(meet); };
  task_group group(rt.context().get_executor());
  for (unsigned i = 0; i < rt.workers(); ++i)
    group.spawn(offload_one());
  co_await group.join(); // no thread fewer would ever come to the end
  auto offload_more = [&]() -> task<> { co_await rt.offload(nothing); };
  task_group more(rt.context().get_executor());
  for (unsigned i = 0; i < 20 * rt.workers(); ++i)
    more.spawn(offload_more());
  co_await more.join();
  REQUIRE(threads_of_this_process() == before + static_cast<int>(rt.workers()));
}

WALE_IO_TEST("offloaded work that was begun is awaited though its coroutine is cancelled") {
  std::atomic<bool> begun = false;
  std::atomic<bool> ended = false;
  auto work = [&] {
    begun = true;
    ::usleep(30'000);
    ended = true;
  };
  bool seen = false;
  auto offload_it = [&]() -> task<> {
    co_await rt.offload(work);
    seen = ended;
    co_await rt.sleep(1h); // here the cancellation is told
  };
  task_group group(rt.context().get_executor());
  group.spawn(offload_it());
  while (!begun)
    co_await rt.sleep(1ms);
  group.cancel();
  co_await group.join();
  REQUIRE(seen);
}

WALE_IO_TEST(
    "a chain runs one link at a time, in the order of the calls, and what follows beside it") {
  constexpr int links = 200;
  chain order;
  std::vector<int> seen; // no lock: TSan and the order would tell
  const auto here = std::this_thread::get_id();
  std::atomic<int> behind = 0; // what follows had no link before it
  std::atomic<int> here_all_the_same = 0;
  std::atomic<int> ended = 0;
  auto run_link = [&](int number) -> task<> {
    bool hashed = false;
    auto link = [&] {
      if (std::this_thread::get_id() == here) ++here_all_the_same;
      seen.push_back(number);
      hashed = true;
    };
    auto rest = [&] {
      if (std::this_thread::get_id() == here) ++here_all_the_same;
      if (!hashed) ++behind;
      ++ended;
    };
    co_await rt.offload_in_order(order, link, rest);
    REQUIRE(hashed);
  };
  task_group group(rt.context().get_executor());
  for (int i = 0; i < links; ++i)
    group.spawn(run_link(i));
  co_await group.join();
  REQUIRE(ended == links);
  REQUIRE(behind == 0);
  REQUIRE(seen.size() == links);
  REQUIRE(std::ranges::is_sorted(seen));
  REQUIRE(here_all_the_same == 0);
}

TEST_CASE("chains do not wait for each other") {
  runtime_options two = options();
  two.workers = 2;
  runtime rt(two);
  chain one;
  chain other;
  std::promise<void> other_ran;
  bool was_in_time = false;
  auto wait = [&] {
    was_in_time = other_ran.get_future().wait_for(20s) == std::future_status::ready;
  };
  auto tell = [&] { other_ran.set_value(); };
  auto run_one = [&]() -> task<> { co_await rt.offload_in_order(one, wait); };
  auto run_other = [&]() -> task<> { co_await rt.offload_in_order(other, tell); };
  auto run_both = [&]() -> task<> {
    task_group group(rt.context().get_executor());
    group.spawn(run_one());
    group.spawn(run_other());
    co_await group.join();
  };
  rt.run(run_both());
  REQUIRE(was_in_time);
}

WALE_IO_TEST("the next link goes before what follows the one before it") {
  constexpr int links = 20;
  chain order;
  int called = 0;
  int begun = 0;
  std::promise<void> all_called; // until then a link can be the last that is known of
  auto may_begin = all_called.get_future();
  std::promise<void> last_began;
  const std::shared_future<void> came = last_began.get_future().share();
  std::atomic<int> in_vain = 0;
  auto run_link = [&]() -> task<> {
    auto link = [&] {
      if (begun == 0) may_begin.wait();
      if (++begun == links) last_began.set_value();
    };
    auto rest = [&] {
      if (came.wait_for(20s) != std::future_status::ready) ++in_vain;
    };
    ++called;
    co_await rt.offload_in_order(order, link, rest);
  };
  task_group group(rt.context().get_executor());
  for (int i = 0; i < links; ++i)
    group.spawn(run_link());
  while (called < links)
    co_await rt.sleep(1ms);
  all_called.set_value();
  co_await group.join();
  REQUIRE(begun == links);
  REQUIRE(in_vain == 0);
}

WALE_IO_TEST("a link that fails has nothing after it, and the chain goes on") {
  bool followed = false;
  auto fails = [] { throw failure(kind::corrupt, "in the chain"); };
  auto fine = [] {};
  auto follow = [&followed] { followed = true; };
  chain order;
  auto run_failing = [&]() -> task<> { co_await rt.offload_in_order(order, fails, follow); };
  auto first = co_await error_of(run_failing());
  REQUIRE(failure_in(first).text().msg == "in the chain");
  REQUIRE_FALSE(followed);
  auto run_failing_after = [&]() -> task<> { co_await rt.offload_in_order(order, fine, fails); };
  auto second = co_await error_of(run_failing_after());
  REQUIRE(failure_in(second).text().msg == "in the chain");
  co_await rt.offload_in_order(order, fine, follow);
  REQUIRE(followed);
}

TEST_CASE("a runtime that is taken down has let go of both halves of what it ran") {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> begun = 0;
    std::atomic<int> ended = 0;
    int resumed = 0;
    std::promise<void> leaving;
    const std::shared_future<void> left = leaving.get_future().share();
    auto work = [&] {
      if (++begun > 3) left.wait();
      ::usleep(100);
      ++ended;
    };
    constexpr int links = 50;
    {
      chain order;
      runtime rt(options());
      auto run_link = [&]() -> task<> {
        co_await rt.offload_in_order(order, work, work);
        ++resumed;
      };
      auto leave = [&]() -> task<> {
        for (int i = 0; i < links; ++i)
          boost::asio::co_spawn(rt.context(), run_link(), boost::asio::detached);
        while (begun < 3)
          co_await rt.sleep(100us);
        leaving.set_value();
      };
      rt.run(leave());
    }
    REQUIRE(begun == ended);
    REQUIRE(resumed < links); // some were under way
  }
}
