// Children run as Asio coroutines of their own; the group's state outlives the group until the last
// completion handler has run.
#include "cancellation.hpp"

#include <wale/io/task_group.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <list>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

struct task_group::state {
  explicit state(asio::any_io_executor e) : executor(std::move(e)) {}

  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> children;
  std::exception_ptr error;
  bool error_is_interruption = false;
  bool cancelled = false;
  event idle;

  void cancel() noexcept {
    if (std::exchange(cancelled, true)) return;
    for (auto& child : children)
      child.emit(asio::cancellation_type::terminal);
  }

  // A channel that closes because its owner fails may reach the sibling before the failure
  // reaches us; therefore a real failure replaces an interruption.
  void note(const std::exception_ptr& e) noexcept {
    const bool interruption = is_failure(e, kind::interrupted);
    if (interruption && cancelled) return;
    if (error && (interruption || !error_is_interruption)) return;
    error = e;
    error_is_interruption = interruption;
    cancel();
  }

  void ended(std::list<asio::cancellation_signal>::iterator child, const std::exception_ptr& e) {
    children.erase(child);
    if (e) note(e);
    if (children.empty()) idle.notify_all();
  }
};

namespace {

task<> run_child(task<> child) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::post(asio::use_awaitable);
  co_await std::move(child);
}

} // namespace

task_group::task_group(asio::any_io_executor executor)
    : state_(std::make_shared<state>(std::move(executor))) {}

task_group::~task_group() {
  if (running() == 0) return;
  std::fputs("wal-e: a task group was left with running children\n", stderr);
  std::terminate();
}

void task_group::spawn(task<> child) {
  const auto place = state_->children.emplace(state_->children.end());
  auto ended = [s = state_, place](std::exception_ptr e) { s->ended(place, e); };
  asio::co_spawn(
      state_->executor,
      run_child(std::move(child)),
      asio::bind_cancellation_slot(place->slot(), std::move(ended)));
  if (state_->cancelled) place->emit(asio::cancellation_type::terminal);
}

task<> task_group::join() {
  const std::shared_ptr<state> s = state_;
  bool interrupted = false;
  while (!s->children.empty()) {
    try {
      co_await s->idle.wait();
    } catch (const failure&) {
      interrupted = true;
    }
    if (interrupted) s->cancel();
  }
  if (s->error) std::rethrow_exception(std::exchange(s->error, nullptr));
  if (interrupted) throw_cancelled();
}

void task_group::cancel() noexcept {
  state_->cancel();
}
std::size_t task_group::running() const noexcept {
  return state_->children.size();
}
bool task_group::failed() const noexcept {
  return state_->error != nullptr;
}

task<> scope(std::function<task<>(task_group&)> body) {
  auto executor = co_await asio::this_coro::executor;
  task_group group(executor);
  group.spawn(body(group));
  co_await group.join();
}

} // namespace wale::io
