#pragma once
// A bounded first-in-first-out queue between two coroutines of the I/O thread.

#include <wale/io/event.hpp>
#include <wale/io/task.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace wale::io {

/// Any number of producers and consumers. Cancelling push or pop leaves the queue as it was.
template <class T> class channel {
public:
  explicit channel(std::size_t limit) : limit_(limit) {}

  /// Waits for room. Throws kind::interrupted if the channel was closed.
  task<> push(T value) {
    while (queue_.size() >= limit_ && !closed_)
      co_await has_room_.wait();
    if (closed_) throw_closed();
    queue_.push_back(std::move(value));
    has_item_.notify_one();
  }

  /// The next value, or nullopt once the channel is closed and empty.
  task<std::optional<T>> pop() {
    while (queue_.empty() && !closed_)
      co_await has_item_.wait();
    std::optional<T> value;
    if (!queue_.empty()) {
      value.emplace(std::move(queue_.front()));
      queue_.pop_front();
      has_room_.notify_one();
    }
    co_return value;
  }

  /// A value if one is there now.
  std::optional<T> try_pop() {
    std::optional<T> value;
    if (!queue_.empty()) {
      value.emplace(std::move(queue_.front()));
      queue_.pop_front();
      has_room_.notify_one();
    }
    return value;
  }

  /// No more pushes; what is queued can still be popped.
  void close() {
    closed_ = true;
    has_item_.notify_all();
    has_room_.notify_all();
  }

  std::size_t size() const noexcept { return queue_.size(); }

private:
  std::size_t limit_;
  bool closed_ = false;
  std::deque<T> queue_;
  event has_room_;
  event has_item_;
};

} // namespace wale::io
