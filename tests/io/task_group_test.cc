// Structured concurrency: groups, scopes and shields.
#include "fixture.hpp"

#include <wale/io/event.hpp>
#include <wale/io/shield.hpp>
#include <wale/io/stream.hpp>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

struct trace {
  int begun = 0;
  int ended = 0;
  int interrupted = 0;
};

task<> wait_for_ever(runtime& rt, trace& t) {
  ++t.begun;
  std::exception_ptr error;
  try {
    co_await rt.sleep(1h);
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) ++t.interrupted;
    error = std::current_exception();
  }
  // A spent cancellation does not disturb the clean-up.
  co_await rt.sleep(1ms);
  ++t.ended;
  if (error) std::rethrow_exception(error);
}

task<> fail_after(runtime& rt, std::chrono::milliseconds delay, kind k, std::string msg) {
  co_await rt.sleep(delay);
  throw failure(k, msg);
}

task<> throw_int() {
  throw 42;
  co_return;
}

task<> count(trace& t) {
  ++t.begun;
  ++t.ended;
  co_return;
}

task<> join_of(runtime& rt, trace& t) {
  task_group group(rt.context().get_executor());
  group.spawn(wait_for_ever(rt, t));
  group.spawn(wait_for_ever(rt, t));
  co_await group.join();
}

task<> cancel_later(runtime& rt, task_group& group) {
  co_await rt.sleep(5ms);
  group.cancel();
}

} // namespace

WALE_IO_TEST("children run, and join waits for them") {
  trace t;
  task_group group(rt.context().get_executor());
  for (int i = 0; i < 10; ++i)
    group.spawn(count(t));
  REQUIRE(t.begun == 0); // on the next turn, not inside spawn()
  REQUIRE(group.running() == 10);
  co_await group.join();
  REQUIRE(t.ended == 10);
  REQUIRE(group.running() == 0);
}

WALE_IO_TEST("the first failure cancels the siblings and is rethrown once they have ended") {
  trace t;
  task_group group(rt.context().get_executor());
  group.spawn(wait_for_ever(rt, t));
  group.spawn(fail_after(rt, 5ms, kind::corrupt, "first"));
  group.spawn(fail_after(rt, 1h, kind::no_space, "never"));
  group.spawn(wait_for_ever(rt, t));
  const auto error = co_await error_of(group.join());
  REQUIRE(failure_in(error).text().msg == "first");
  REQUIRE(t.interrupted == 2);
  REQUIRE(t.ended == 2);
}

WALE_IO_TEST("a failure outranks the interruption that reached the group before it") {
  task_group group(rt.context().get_executor());
  group.spawn(fail_after(rt, 1ms, kind::interrupted, "the other side of a channel is gone"));
  trace t;
  group.spawn(wait_for_ever(rt, t));
  while (!group.failed())
    co_await rt.sleep(1ms);
  const auto error = co_await error_of(group.join());
  REQUIRE(is_interruption(error));
}

WALE_IO_TEST("an exception that is no failure comes through as it is") {
  task_group group(rt.context().get_executor());
  group.spawn(throw_int());
  const auto error = co_await error_of(group.join());
  REQUIRE_THROWS_AS(std::rethrow_exception(error), int);
}

WALE_IO_TEST("cancel() ends the children without being a failure") {
  trace t;
  task_group group(rt.context().get_executor());
  group.spawn(wait_for_ever(rt, t));
  co_await rt.sleep(1ms);
  group.cancel();
  co_await group.join();
  REQUIRE(t.interrupted == 1);
}

WALE_IO_TEST("a child of a cancelled group starts cancelled") {
  trace t;
  task_group group(rt.context().get_executor());
  group.cancel();
  group.spawn(wait_for_ever(rt, t));
  co_await group.join();
  REQUIRE(t.begun == 1);
  REQUIRE(t.interrupted == 1);
}

WALE_IO_TEST("cancellation of who joins is forwarded, and the children are waited for") {
  trace t;
  task_group outer(rt.context().get_executor());
  outer.spawn(join_of(rt, t));
  co_await rt.sleep(2ms);
  outer.cancel();
  co_await outer.join();
  REQUIRE(t.interrupted == 2);
  REQUIRE(t.ended == 2);
}

WALE_IO_TEST("a cancelled join throws an interruption") {
  trace t;
  task_group outer(rt.context().get_executor());
  bool thrown = false;
  auto body = [&]() -> task<> {
    const auto error = co_await error_of(join_of(rt, t));
    thrown = is_interruption(error);
  };
  outer.spawn(body());
  co_await rt.sleep(2ms);
  outer.cancel();
  co_await outer.join();
  REQUIRE(thrown);
}

WALE_IO_TEST("a group can be used again after join") {
  trace t;
  task_group group(rt.context().get_executor());
  group.spawn(count(t));
  co_await group.join();
  group.spawn(count(t));
  co_await group.join();
  REQUIRE(t.ended == 2);
}

WALE_IO_TEST("scope joins its children, and a failing body cancels them") {
  trace t;
  std::function<task<>(task_group&)> body = [&](task_group& group) -> task<> {
    group.spawn(wait_for_ever(rt, t));
    co_await rt.sleep(2ms);
    throw failure(kind::corrupt, "the body");
  };
  const auto error = co_await error_of(scope(body));
  REQUIRE(failure_in(error).text().msg == "the body");
  REQUIRE(t.ended == 1);
}

WALE_IO_TEST("a failing child of a scope cancels the body") {
  std::function<task<>(task_group&)> body = [&](task_group& group) -> task<> {
    group.spawn(fail_after(rt, 2ms, kind::corrupt, "the child"));
    co_await rt.sleep(1h);
  };
  const auto error = co_await error_of(scope(body));
  REQUIRE(failure_in(error).text().msg == "the child");
}

WALE_IO_TEST("a shielded body ends although its caller was cancelled, which hears of it then") {
  int steps = 0;
  bool interrupted = false;
  auto inner = [&]() -> task<> {
    co_await rt.sleep(5ms);
    ++steps;
  };
  auto clean = [&]() -> task<> {
    co_await shield(inner()); // nested
    co_await rt.sleep(5ms);
    ++steps;
  };
  auto body = [&]() -> task<> {
    const auto error = co_await error_of(shield(clean()));
    interrupted = is_interruption(error);
  };
  task_group group(rt.context().get_executor());
  group.spawn(body());
  group.spawn(cancel_later(rt, group));
  co_await group.join();
  REQUIRE(steps == 2);
  REQUIRE(interrupted);
}

WALE_IO_TEST("a source is closed whole even if its user is cancelled") {
  struct slow_to_close final : source {
    explicit slow_to_close(runtime& r) : rt(r) {}
    task<block> next() override {
      co_await rt.sleep(1h);
      co_return block();
    }
    task<> close() override {
      co_await rt.sleep(5ms);
      closed = true;
    }
    runtime& rt;
    bool closed = false;
  };
  slow_to_close s(rt);
  auto use = [](source& from) -> task<> { co_await from.next(); };
  task_group group(rt.context().get_executor());
  group.spawn(with_source(s, use));
  co_await rt.sleep(1ms);
  group.cancel();
  co_await group.join();
  REQUIRE(s.closed);
}
