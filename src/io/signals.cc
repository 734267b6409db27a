// The watch of SIGINT and SIGTERM.
#include "signals.hpp"

#include <wale/base/error.hpp>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace wale::io {

namespace {
// One runtime per process; the handler has no other way to find it.
std::atomic<signal_watch*> watching = nullptr;
} // namespace

signal_watch::signal_watch(std::function<void()> on_signal, std::function<void(int)> on_stuck)
    : on_signal_(std::move(on_signal)), on_stuck_(std::move(on_stuck)) {
  ::sem_init(&wake_, 0, 0);
  try {
    thread_ = std::thread([this] { watch(); });
  } catch (const std::system_error& e) {
    throw failure::system(e.code().value(), "thread", "the signals cannot be watched")
        .with_hint("Is a limit of processes reached (ulimit -u, TasksMax, pids.max)?");
  }
  watching = this;
  struct sigaction action = {};
  action.sa_handler = &signal_watch::handle;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &before_int_);
  ::sigaction(SIGTERM, &action, &before_term_);
}

signal_watch::~signal_watch() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
  watching = nullptr;
  ended_ = true;
  ::sem_post(&wake_);
  thread_.join();
  ::sem_destroy(&wake_);
}

void signal_watch::handle(int signal) noexcept {
  const int error = errno;
  if (signal_watch* const w = watching) {
    int none = 0;
    if (w->received_.compare_exchange_strong(none, signal)) ::sem_post(&w->wake_);
  }
  errno = error;
}

void signal_watch::watch() noexcept {
  while (::sem_wait(&wake_) != 0) {
  }
  if (ended_) return;
  timespec deadline = {};
  ::clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_nsec += std::chrono::nanoseconds(patience).count();
  if (deadline.tv_nsec >= 1'000'000'000) {
    deadline.tv_nsec -= 1'000'000'000;
    ++deadline.tv_sec;
  }
  on_signal_();
  while (::sem_clockwait(&wake_, CLOCK_MONOTONIC, &deadline) != 0) {
    if (errno == EINTR) continue;
    if (!ended_ && on_stuck_) on_stuck_(received_);
    return;
  }
}

} // namespace wale::io
