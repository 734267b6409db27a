#pragma once
// SIGINT and SIGTERM, told to the loop, and watched: if the process has not ended in time, because
// the loop is blocked or a call cannot be interrupted, the watch ends it.
//
// The handler itself does nothing but store the number and post a semaphore. The rest happens on a
// thread of its own, which works whatever the I/O thread is doing.

#include <atomic>
#include <chrono>
#include <functional>
#include <semaphore.h>
#include <signal.h>
#include <thread>

namespace wale::io {

class signal_watch {
public:
  /// From the signal to `on_stuck`: leaves a tenth of the second for what that does.
  static constexpr std::chrono::milliseconds patience{900};

  /// Both are called on the watch's thread, at most once, `on_stuck` only if not empty. Throws
  /// failure if the process may have no other thread.
  signal_watch(std::function<void()> on_signal, std::function<void(int)> on_stuck);
  /// Restores the handlers that were there before.
  ~signal_watch();
  signal_watch(const signal_watch&) = delete;
  signal_watch& operator=(const signal_watch&) = delete;

  /// The first signal that came, or 0.
  int received() const noexcept { return received_; }

private:
  static void handle(int signal) noexcept;
  void watch() noexcept;

  std::function<void()> on_signal_;
  std::function<void(int)> on_stuck_;
  std::atomic<int> received_ = 0;
  std::atomic<bool> ended_ = false;
  sem_t wake_;
  struct sigaction before_int_;
  struct sigaction before_term_;
  std::thread thread_;
};

} // namespace wale::io
