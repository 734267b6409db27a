#pragma once
// Structured concurrency: every coroutine that is spawned belongs to a group, every group is
// joined.

#include <wale/io/event.hpp>
#include <wale/io/task.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace wale::io {

/// Children of one scope. The first failure of a child cancels its siblings; join() rethrows it.
/// Destroying a group with running children is a bug and terminates: use scope().
class task_group {
public:
  explicit task_group(boost::asio::any_io_executor executor);
  ~task_group();
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  /// Starts a child on the next turn of the loop. Its arguments must be values or outlive join().
  /// After a failure or cancel() the child starts cancelled.
  void spawn(task<> child);
  /// Waits for every child, then rethrows the first failure (an interruption that cancel() caused
  /// is none). If the awaiting coroutine is cancelled, its children are, and it still waits for
  /// them.
  task<> join();
  /// Asks all children to end.
  void cancel() noexcept;
  std::size_t running() const noexcept;
  bool failed() const noexcept;

private:
  struct state;
  std::shared_ptr<state> state_;
};

/// Runs `body(group)` and joins the group on every path; a failure of the body cancels the children
/// first. The first failure, of the body or of a child, is rethrown.
task<> scope(std::function<task<>(task_group&)> body);

} // namespace wale::io
