// What is given is handed to the first waiter at once, before it runs, so that nobody overtakes it.
#include "permits.hpp"

#include <exception>

namespace wale::io {

task<> permits::take(std::size_t n) {
  if (try_take(n)) co_return;
  waiter self{n};
  const auto place = waiters_.insert(waiters_.end(), &self);
  std::exception_ptr error;
  try {
    while (!self.granted)
      co_await self.woken.wait();
  } catch (...) {
    error = std::current_exception();
  }
  if (!error) co_return;
  if (self.granted) {
    give(n);
  } else {
    waiters_.erase(place);
    serve(); // the next one may want less
  }
  std::rethrow_exception(error);
}

bool permits::try_take(std::size_t n) noexcept {
  if (!waiters_.empty() || free_ < n) return false;
  free_ -= n;
  return true;
}

void permits::give(std::size_t n) noexcept {
  free_ += n;
  serve();
}

void permits::serve() noexcept {
  while (!waiters_.empty() && waiters_.front()->wanted <= free_) {
    waiter& first = *waiters_.front();
    waiters_.pop_front();
    free_ -= first.wanted;
    first.granted = true;
    first.woken.notify_one();
  }
}

} // namespace wale::io
