// A lock that is handed on, and whose waiters are calls instead of threads.
#include <wale/io/chain.hpp>

#include <utility>

namespace wale::io {

void chain::enter(std::function<void()> begin) {
  {
    const std::lock_guard lock(mutex_);
    if (is_taken_) return waiting_.push_back(std::move(begin));
    is_taken_ = true;
  }
  begin();
}

void chain::leave() {
  std::function<void()> begin;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      is_taken_ = false;
      return;
    }
    begin = std::move(waiting_.front());
    waiting_.pop_front();
  }
  begin();
}

} // namespace wale::io
