#pragma once
// A condition variable for coroutines of the I/O thread.

#include <wale/io/task.hpp>

#include <list>

namespace wale::io {

/// Waiters are woken in order. There are no spurious wake-ups, but a woken waiter resumes later
/// and must test its condition again. Must outlive its waiters.
class event {
public:
  event();
  ~event();
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  /// Waits for a notification. Cancellation throws kind::interrupted and loses no notification:
  /// one that was already spent on this waiter goes to the next.
  task<> wait();
  void notify_one() noexcept;
  void notify_all() noexcept;

private:
  struct waiter;
  std::list<waiter*> waiters_;
};

/// Throws kind::interrupted: the other side of a channel is gone.
[[noreturn]] void throw_closed();

} // namespace wale::io
