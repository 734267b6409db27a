// The classic queue under one mutex; a job is a block or a system call, thousands a second at most.
#include "worker_pool.hpp"

#include <algorithm>
#include <system_error>

namespace wale::io {

void worker_pool::submit(job& j, bool first) {
  bool runs_here = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.insert(first ? queue_.begin() : queue_.end(), &j);
    if (queue_.size() > idle_ && threads_.size() < limit_ && add_thread()) return;
    runs_here = threads_.empty();
    if (runs_here) queue_.clear();
  }
  if (runs_here)
    j.run(); // no thread to be had at all: slower, but it works
  else
    has_job_.notify_one();
}

bool worker_pool::withdraw(job& j) noexcept {
  const std::lock_guard lock(mutex_);
  const auto place = std::ranges::find(queue_, &j);
  if (place == queue_.end()) return false;
  queue_.erase(place);
  return true;
}

void worker_pool::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    queue_.clear();
    stopping_ = true;
  }
  has_job_.notify_all();
  for (std::thread& t : threads_)
    t.join();
  threads_.clear();
}

bool worker_pool::add_thread() noexcept {
  try {
    threads_.emplace_back([this] { work(); });
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void worker_pool::work() noexcept {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    has_job_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    job* const j = queue_.front();
    queue_.pop_front();
    lock.unlock();
    j->run();
    lock.lock();
  }
}

} // namespace wale::io
