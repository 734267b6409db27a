// A race of work against a timer, as a task_group of two.
#include <wale/base/error.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <utility>

namespace wale::io {
namespace {

task<> finish_then_cancel(task<> work, task_group& group) {
  co_await std::move(work);
  group.cancel();
}

task<> expire(runtime& rt, std::chrono::seconds limit, std::string doing) {
  co_await rt.sleep(limit);
  throw failure(
      kind::unavailable,
      "the time for this is used up",
      doing + " did not end within " + std::to_string(limit.count()) + " seconds.");
}

} // namespace

task<> within(runtime& rt, std::chrono::seconds limit, std::string doing, task<> work) {
  task_group group(rt.context().get_executor());
  group.spawn(finish_then_cancel(std::move(work), group));
  group.spawn(expire(rt, limit, std::move(doing)));
  co_await group.join();
}

} // namespace wale::io
