// Time budgets.
#include "fixture.hpp"

#include <wale/base/log.hpp>
#include <wale/io/deadline.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

task<> wait(runtime& rt, std::chrono::milliseconds duration, int& ended) {
  try {
    co_await rt.sleep(duration);
  } catch (...) {
    ended = -1;
    throw;
  }
  ended = 1;
}

task<> fail(runtime& rt) {
  co_await rt.sleep(1ms);
  throw failure(kind::corrupt, "the work");
}

// Cannot be interrupted, as a call on a dead file server cannot.
task<> hang(runtime& rt, std::chrono::milliseconds duration) {
  auto sleep = [duration] { std::this_thread::sleep_for(duration); };
  co_await rt.offload(sleep);
}

task<> hang_until(runtime& rt, std::function<bool()> told) {
  auto wait = [&told] {
    for (int i = 0; i < 3000 && !told(); ++i)
      std::this_thread::sleep_for(10ms);
  };
  co_await rt.offload(wait);
}

// What is written to stderr during the lifetime of the object.
class captured_stderr {
public:
  captured_stderr() : file_(std::tmpfile()), before_(::dup(STDERR_FILENO)) {
    ::dup2(::fileno(file_), STDERR_FILENO);
    wale::log::configure({.to_stderr = true, .to_syslog = false});
  }
  captured_stderr(const captured_stderr&) = delete;
  captured_stderr& operator=(const captured_stderr&) = delete;
  ~captured_stderr() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    std::fclose(file_);
  }
  std::string text() const {
    std::array<char, 4096> content;
    const ssize_t n = ::pread(::fileno(file_), content.data(), content.size(), 0);
    return std::string(content.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }

private:
  std::FILE* file_;
  int before_;
};

} // namespace

WALE_IO_TEST("work that ends in time is left alone") {
  int ended = 0;
  co_await within(rt, 10s, "waiting", wait(rt, 5ms, ended));
  REQUIRE(ended == 1);
  const auto error = co_await error_of(within(rt, 10s, "failing", fail(rt)));
  REQUIRE(failure_in(error).text().msg == "the work");
}

WALE_IO_TEST("work that does not is cancelled, waited for, and named") {
  int ended = 0;
  const auto begun = std::chrono::steady_clock::now();
  const auto error = co_await error_of(within(rt, 1s, "listing the store", wait(rt, 1h, ended)));
  REQUIRE(std::chrono::steady_clock::now() - begun < 30s);
  REQUIRE(failure_in(error).why() == kind::unavailable);
  REQUIRE(failure_in(error).text().detail.find("listing the store") != std::string::npos);
  REQUIRE(ended == -1);
}

WALE_IO_TEST("work that cannot be cancelled is awaited, but not silently") {
  const captured_stderr output;
  std::function<bool()> told = [&output] { return !output.text().empty(); };
  auto work = hang_until(rt, std::move(told));
  const auto error = co_await error_of(within(rt, 1s, "reading from the void", std::move(work)));
  REQUIRE(failure_in(error).why() == kind::unavailable);
  REQUIRE(output.text().find("the time is used up") != std::string::npos);
  REQUIRE(output.text().find("reading from the void") != std::string::npos);
}

WALE_IO_TEST("work that ends soon after it is cancelled is worth no word") {
  bool is_quiet = false;
  for (int i = 0; i < 5 && !is_quiet; ++i) { // again if we were held up for a second
    const captured_stderr output;
    const auto error = co_await error_of(within(rt, 1s, "reading slowly", hang(rt, 1300ms)));
    if (!error) continue;
    REQUIRE(failure_in(error).why() == kind::unavailable);
    is_quiet = output.text().empty();
  }
  REQUIRE(is_quiet);
}

WALE_IO_TEST("a cancelled caller cancels the work, and that is an interruption") {
  int ended = 0;
  bool interrupted = false;
  auto caller = [&]() -> task<> {
    const auto error = co_await error_of(within(rt, 10s, "waiting", wait(rt, 1h, ended)));
    interrupted = is_interruption(error);
  };
  task_group group(rt.context().get_executor());
  group.spawn(caller());
  co_await rt.sleep(2ms);
  group.cancel();
  co_await group.join();
  REQUIRE(ended == -1);
  REQUIRE(interrupted);
}
