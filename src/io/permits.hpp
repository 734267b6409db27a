#pragma once
// A counter of things that can be had, with a fair queue: who came first is served first, whatever
// it asks for. The base of block pool and budgets.

#include <wale/io/event.hpp>
#include <wale/io/task.hpp>

#include <cstddef>
#include <list>

namespace wale::io {

class permits {
public:
  explicit permits(std::size_t n) noexcept : free_(n) {}

  /// Waits for its turn and for `n`. Cancellation leaves nothing behind. Must not outlive *this.
  task<> take(std::size_t n);
  /// Takes `n` if they are there and nobody waits.
  bool try_take(std::size_t n) noexcept;
  void give(std::size_t n) noexcept;
  std::size_t available() const noexcept { return free_; }

private:
  struct waiter {
    std::size_t wanted;
    bool granted = false;
    event woken = {};
  };
  void serve() noexcept;

  std::size_t free_;
  std::list<waiter*> waiters_;
};

} // namespace wale::io
