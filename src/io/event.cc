// Waiters are resumed through the loop, never from inside notify, so that who notifies is not
// re-entered.
#include "cancellation.hpp"

#include <wale/io/event.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

struct event::waiter {
  using resumption = asio::async_result<asio::use_awaitable_t<>, void(bool)>::handler_type;

  std::optional<resumption> handler;
  asio::any_io_executor executor;
  bool queued = false;

  void resume(bool notified) {
    queued = false;
    // A waiter lives in the frame that its handler resumes, so a pointer is enough.
    asio::post(executor, [this, notified] {
      resumption resumed = std::move(*handler);
      std::move(resumed)(notified);
    });
  }

  /// Suspends the awaiting coroutine; true if it was notified, false if it was cancelled.
  static task<bool> enqueue(std::list<waiter*>& queue, waiter& self) {
    auto initiate = [&queue, &self](resumption caller) {
      auto slot = asio::get_associated_cancellation_slot(caller);
      self.executor = asio::get_associated_executor(caller);
      self.handler.emplace(std::move(caller));
      self.queued = true;
      const auto place = queue.insert(queue.end(), &self);
      if (!slot.is_connected()) return;
      // The slot is cleared by the coroutine when it resumes, so this may be called after a
      // notification.
      slot.assign([&queue, &self, place](asio::cancellation_type) {
        if (!self.queued) return;
        queue.erase(place);
        self.resume(false);
      });
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
        initiate, asio::use_awaitable);
  }
};

event::event() = default;
event::~event() = default;

task<> event::wait() {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  waiter self;
  const bool notified = co_await waiter::enqueue(waiters_, self);
  if (take_cancellation(cancellation)) {
    if (notified) notify_one();
    throw_cancelled();
  }
}

void event::notify_one() noexcept {
  if (waiters_.empty()) return;
  waiter* const next = waiters_.front();
  waiters_.pop_front();
  next->resume(true);
}

void event::notify_all() noexcept {
  while (!waiters_.empty())
    notify_one();
}

void throw_closed() {
  throw failure(kind::interrupted, "interrupted", "the other side of a channel is gone");
}

} // namespace wale::io
