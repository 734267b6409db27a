#pragma once
// Tests that are coroutines: each runs on a fresh runtime with the engine that WALE_IO names, under
// a watchdog that ends the whole program, because a lost completion is a hang.

#include <wale/base/error.hpp>
#include <wale/io/file.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/socket.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

namespace wale::io::test {

class watchdog {
public:
  explicit watchdog(std::chrono::seconds patience)
      : thread_([this, patience] { watch(patience); }) {}
  ~watchdog() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    end_.notify_one();
    thread_.join();
  }

private:
  void watch(std::chrono::seconds patience) {
    std::unique_lock lock(mutex_);
    if (end_.wait_for(lock, patience, [this] { return ended_; })) return;
    std::fprintf(stderr, "the test hangs\n");
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable end_;
  bool ended_ = false;
  std::thread thread_;
};

inline runtime_options options() {
  runtime_options o;
  o.engine = engine_choice_from_environment();
  o.handle_signals = false;
  return o;
}

inline void run_on_loop(task<> (*body)(runtime&)) {
  const watchdog dog(std::chrono::seconds(60));
  runtime rt(options());
  rt.run(body(rt));
}

/// What `work` threw, or nullptr.
inline task<std::exception_ptr> error_of(task<> work) {
  std::exception_ptr error;
  try {
    co_await std::move(work);
  } catch (...) {
    error = std::current_exception();
  }
  co_return error;
}

/// The failure in `error`; anything else fails the test.
inline failure failure_in(const std::exception_ptr& error) {
  REQUIRE(error);
  try {
    std::rethrow_exception(error);
  } catch (const failure& f) {
    return f;
  }
}

inline bool is_interruption(const std::exception_ptr& error) {
  return error && failure_in(error).why() == kind::interrupted;
}

/// Lets everything that is ready run.
inline task<> turns(int n = 5) {
  for (int i = 0; i < n; ++i)
    co_await boost::asio::post(boost::asio::use_awaitable);
}

inline std::pair<socket, socket> socket_pair(runtime& rt) {
  std::array<int, 2> fd{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd.data()) == 0);
  return {socket(rt, fd[0]), socket(rt, fd[1])};
}

inline std::byte pattern(std::uint64_t offset) {
  return static_cast<std::byte>((offset * 2654435761U) >> 16);
}

inline std::vector<std::byte> patterned(std::size_t size, std::uint64_t offset = 0) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = pattern(offset + i);
  return bytes;
}

} // namespace wale::io::test

#define WALE_IO_JOIN_2(a, b) a##b
#define WALE_IO_JOIN(a, b) WALE_IO_JOIN_2(a, b)
#define WALE_IO_TEST_2(name, function)                                                             \
  static ::wale::task<> function(::wale::io::runtime&);                                            \
  TEST_CASE(name) {                                                                                \
    ::wale::io::test::run_on_loop(function);                                                       \
  }                                                                                                \
  static ::wale::task<> function([[maybe_unused]] ::wale::io::runtime& rt)
/// A test case whose body is a coroutine with a runtime `rt`. Nothing awaits inside REQUIRE.
#define WALE_IO_TEST(name) WALE_IO_TEST_2(name, WALE_IO_JOIN(io_test_, __LINE__))
