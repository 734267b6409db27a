// A race of work against a timer, as a task_group of two. What the loser of the race does not end
// is watched by a group of its own, which the race's end does not cancel.
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <exception>
#include <utility>

namespace wale::io {
namespace {

constexpr std::chrono::seconds patience{1};

// `60`, `0.25`.
std::string in_seconds(std::chrono::milliseconds t) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", std::chrono::duration<double>(t).count());
  return text;
}

task<> finish_then_cancel(task<> work, task_group& group) {
  co_await std::move(work);
  group.cancel();
}

task<> tell_of_hanging(runtime& rt, std::string doing) {
  co_await rt.sleep(patience);
  log::warning(
      "wal_e.main",
      {"the time is used up, waiting for an operation that cannot be interrupted",
       doing + " was told to end and did not within a second.",
       "Does a disk or a file server not answer?"});
}

task<> expire(runtime& rt, std::chrono::milliseconds limit, std::string doing, task_group& watch) {
  co_await rt.sleep(limit);
  watch.spawn(tell_of_hanging(rt, doing));
  throw failure(
      kind::unavailable,
      "the time for this is used up",
      doing + " did not end within " + in_seconds(limit) + " seconds.",
      "Does the server or the disk answer at all, and is it fast enough?");
}

} // namespace

task<> within(runtime& rt, std::chrono::milliseconds limit, std::string doing, task<> work) {
  task_group watch(rt.context().get_executor());
  task_group group(rt.context().get_executor());
  group.spawn(finish_then_cancel(std::move(work), group));
  group.spawn(expire(rt, limit, std::move(doing), watch));
  std::exception_ptr error;
  try {
    co_await group.join();
  } catch (...) {
    error = std::current_exception();
  }
  watch.cancel();
  try {
    co_await watch.join();
  } catch (const failure&) { // the caller is cancelled too; the race's own end is the answer
  }
  if (error) std::rethrow_exception(error);
}

} // namespace wale::io
