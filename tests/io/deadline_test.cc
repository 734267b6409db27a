// Time budgets.
#include "fixture.hpp"

#include <wale/io/deadline.hpp>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

task<> wait(runtime& rt, std::chrono::milliseconds duration, int& ended) {
  try {
    co_await rt.sleep(duration);
  } catch (...) {
    ended = -1;
    throw;
  }
  ended = 1;
}

task<> fail(runtime& rt) {
  co_await rt.sleep(1ms);
  throw failure(kind::corrupt, "the work");
}

} // namespace

WALE_IO_TEST("work that ends in time is left alone") {
  int ended = 0;
  co_await within(rt, 10s, "waiting", wait(rt, 5ms, ended));
  REQUIRE(ended == 1);
  const auto error = co_await error_of(within(rt, 10s, "failing", fail(rt)));
  REQUIRE(failure_in(error).text().msg == "the work");
}

WALE_IO_TEST("work that does not is cancelled, waited for, and named") {
  int ended = 0;
  const auto begun = std::chrono::steady_clock::now();
  const auto error = co_await error_of(within(rt, 1s, "listing the store", wait(rt, 1h, ended)));
  REQUIRE(std::chrono::steady_clock::now() - begun < 5s);
  REQUIRE(failure_in(error).why() == kind::unavailable);
  REQUIRE(failure_in(error).text().detail.find("listing the store") != std::string::npos);
  REQUIRE(ended == -1);
}

WALE_IO_TEST("a cancelled caller cancels the work, and that is an interruption") {
  int ended = 0;
  bool interrupted = false;
  auto caller = [&]() -> task<> {
    const auto error = co_await error_of(within(rt, 10s, "waiting", wait(rt, 1h, ended)));
    interrupted = is_interruption(error);
  };
  task_group group(rt.context().get_executor());
  group.spawn(caller());
  co_await rt.sleep(2ms);
  group.cancel();
  co_await group.join();
  REQUIRE(ended == -1);
  REQUIRE(interrupted);
}
