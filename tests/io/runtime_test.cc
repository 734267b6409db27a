// The loop: timers, signals, and the choice of the engine.
#include "fixture.hpp"

#include <wale/io/event.hpp>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sched.h>
#include <set>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

/// A child process that runs `body` and says "ready" by a byte on `ready`.
struct child {
  pid_t pid;
  int ready;

  explicit child(int (*body)(int ready)) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    pid = ::fork();
    if (pid == 0) {
      ::alarm(30);
      ::_exit(body(ends[1]));
    }
    ::close(ends[1]);
    ready = ends[0];
  }
  ~child() { ::close(ready); }

  void wait_ready() const {
    char byte;
    REQUIRE(::read(ready, &byte, 1) == 1);
  }
  /// Sends a signal; the exit code, and how long it took.
  std::pair<int, std::chrono::milliseconds> end(int signal) const {
    const auto begun = std::chrono::steady_clock::now();
    REQUIRE(::kill(pid, signal) == 0);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    const auto took = std::chrono::steady_clock::now() - begun;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, std::chrono::duration_cast<std::chrono::milliseconds>(took)};
  }
};

/// The shortest time in which up to five children end with this code, or the first below `enough`:
/// what else the machine does may hold up one of them.
std::chrono::milliseconds
time_to_end(int (*body)(int), int signal, int code, std::chrono::milliseconds enough) {
  auto shortest = std::chrono::milliseconds::max();
  for (int i = 0; i < 5 && shortest >= enough; ++i) {
    const child c(body);
    c.wait_ready();
    const auto [ended_with, took] = c.end(signal);
    REQUIRE(ended_with == code);
    shortest = std::min(shortest, took);
  }
  return shortest;
}

void say_ready(int fd) {
  (void)!::write(fd, "r", 1);
}

runtime_options with_signals() {
  runtime_options o;
  o.engine = engine_choice_from_environment();
  return o;
}

struct activity {
  int cleaned = 0;
};

task<> hang_in_read(runtime& rt, int fd, activity& a) {
  std::array<std::byte, 1> buffer;
  operation op;
  op.kind = op_kind::recv;
  op.fd = fd;
  op.data = buffer.data();
  op.length = 1;
  const int n = co_await rt.perform(op);
  co_await rt.sleep(10ms); // clean-up may take its time
  ++a.cleaned;
  if (n == -ECANCELED) throw failure(kind::interrupted, "read");
}

task<> hang_in_sleep(runtime& rt, activity& a) {
  try {
    co_await rt.sleep(1h);
  } catch (...) {
    ++a.cleaned;
    throw;
  }
}

task<> busy(runtime& rt, int ready, int fd, activity& a) {
  task_group group(rt.context().get_executor());
  group.spawn(hang_in_read(rt, fd, a));
  group.spawn(hang_in_sleep(rt, a));
  co_await rt.sleep(5ms);
  say_ready(ready);
  co_await group.join();
}

int code_after(runtime& rt, task<> main, activity& a) {
  try {
    rt.run(std::move(main));
  } catch (const failure& f) {
    if (f.why() != kind::interrupted || a.cleaned != 2) return 1;
    return f.text().msg == "interrupted by SIGTERM" ? 43 : 42;
  }
  return 0;
}

int unwinding_child(int ready) {
  std::array<int, 2> pair{};
  ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data());
  activity a;
  runtime rt(with_signals());
  return code_after(rt, busy(rt, ready, pair[0], a), a);
}

task<> block_the_loop(runtime&, int ready) {
  say_ready(ready);
  while (true)
    ::pause();
  co_return;
}

int stuck_child(int ready) {
  runtime_options o = with_signals();
  o.on_stuck = [](int signal) { ::_exit(signal == SIGINT ? 77 : 78); };
  runtime rt(o);
  rt.run(block_the_loop(rt, ready));
  return 0;
}

task<> block_a_worker(runtime& rt, int ready) {
  auto call = [ready] {
    say_ready(ready);
    while (true)
      ::pause();
  };
  co_await rt.offload(call);
}

int stuck_worker_child(int ready) {
  runtime_options o = with_signals();
  o.on_stuck = [](int) { ::_exit(79); };
  runtime rt(o);
  rt.run(block_a_worker(rt, ready));
  return 0;
}

task<> open_only(runtime& rt, std::string path) {
  const file f = co_await file::open(rt, path, O_RDONLY);
}

// Whether a thread of this process is inside open(2) (proc(5), /proc/pid/syscall).
bool a_thread_opens() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "syscall");
    long number = -1;
    if (in >> number && number == SYS_openat) return true;
  }
  return false;
}

task<> open_fifo(runtime& rt, std::string path, int ready) {
  task_group group(rt.context().get_executor());
  group.spawn(open_only(rt, path));
  while (!a_thread_opens())
    co_await rt.sleep(1ms);
  say_ready(ready);
  co_await group.join();
}

std::string scratch_fifo() {
  return "/tmp/wale-test-fifo-" + std::to_string(::getppid());
}

// A worker that opens a pipe without a writer cannot be interrupted by anybody.
int stuck_open_child(int ready) {
  const std::string path = scratch_fifo();
  ::unlink(path.c_str());
  ::mkfifo(path.c_str(), 0600);
  ::dup2(ready, STDERR_FILENO);
  runtime_options o = with_signals();
  o.engine = engine_choice::threads;
  o.on_stuck = [](int) { ::_exit(80); };
  runtime rt(o);
  rt.run(open_fifo(rt, path, ready));
  return 0;
}

task<> ignore_the_signal(runtime& rt, int ready) {
  say_ready(ready);
  try {
    co_await rt.sleep(10s);
  } catch (const failure&) {
  }
}

int succeeding_child(int ready) {
  runtime rt(with_signals());
  rt.run(ignore_the_signal(rt, ready));
  return 0;
}

task<> fail_otherwise(runtime& rt, int ready) {
  say_ready(ready);
  try {
    co_await rt.sleep(10s);
  } catch (const failure&) {
  }
  throw failure(kind::no_space, "no space for the clean-up");
}

int otherwise_failing_child(int ready) {
  runtime rt(with_signals());
  try {
    rt.run(fail_otherwise(rt, ready));
  } catch (const failure& f) {
    const bool told = f.text().detail.find("no space for the clean-up") != std::string::npos;
    return f.why() == kind::interrupted && told ? 44 : 1;
  }
  return 0;
}

} // namespace

WALE_IO_TEST("run gives back what main threw") {
  REQUIRE(rt.workers() >= 1);
  auto fails = []() -> task<> {
    throw failure(kind::corrupt, "from main");
    co_return;
  };
  runtime other(options());
  REQUIRE_THROWS_WITH(other.run(fails()), "from main");
  auto fine = []() -> task<> { co_return; };
  other.run(fine()); // and can run again
  co_return;
}

WALE_IO_TEST("sleep lasts at least as long as asked") {
  const auto begun = std::chrono::steady_clock::now();
  co_await rt.sleep(20ms);
  REQUIRE(std::chrono::steady_clock::now() - begun >= 20ms);
}

TEST_CASE("WALE_IO chooses the engine, and another word is refused") {
  const char* const before = std::getenv("WALE_IO");
  const std::string saved = before ? before : "";
  ::setenv("WALE_IO", "threads", 1);
  REQUIRE(engine_choice_from_environment() == engine_choice::threads);
  ::setenv("WALE_IO", "ring", 1);
  REQUIRE(engine_choice_from_environment() == engine_choice::ring);
  ::setenv("WALE_IO", "", 1);
  REQUIRE(engine_choice_from_environment() == engine_choice::automatic);
  ::setenv("WALE_IO", "epoll", 1);
  REQUIRE_THROWS_AS(engine_choice_from_environment(), failure);
  if (before) {
    ::setenv("WALE_IO", saved.c_str(), 1);
  } else {
    ::unsetenv("WALE_IO");
  }
}

TEST_CASE("SIGTERM unwinds everything that waits in under a second") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const int code = signal == SIGTERM ? 43 : 42;
    REQUIRE(time_to_end(unwinding_child, signal, code, 500ms) < 500ms);
  }
}

TEST_CASE("a blocked loop is ended by the watch within a second") {
  const auto took = time_to_end(stuck_child, SIGINT, 77, 1500ms);
  REQUIRE(took >= 800ms);
  REQUIRE(took < 1500ms);
}

TEST_CASE("so is a worker that cannot be interrupted") {
  REQUIRE(time_to_end(stuck_worker_child, SIGTERM, 79, 1500ms) < 1500ms);
}

TEST_CASE("what cannot be interrupted is named before the process ends") {
  const child c(stuck_open_child);
  c.wait_ready();
  const auto [code, took] = c.end(SIGTERM);
  REQUIRE(code == 80);
  std::string said(4096, '\0');
  const ssize_t n = ::read(c.ready, said.data(), said.size());
  const std::string fifo = "/tmp/wale-test-fifo-" + std::to_string(::getpid());
  ::unlink(fifo.c_str());
  REQUIRE(n > 0);
  said.resize(static_cast<std::size_t>(n));
  REQUIRE(said.find("still waiting for what cannot be interrupted") != std::string::npos);
  REQUIRE(said.find("open \"" + fifo + "\"") != std::string::npos);
}

TEST_CASE("what succeeds in spite of a signal has succeeded") {
  REQUIRE(time_to_end(succeeding_child, SIGTERM, 0, 1000ms) < 1000ms);
}

TEST_CASE("what fails otherwise after a signal was interrupted, and tells of both") {
  const child c(otherwise_failing_child);
  c.wait_ready();
  REQUIRE(c.end(SIGTERM).first == 44);
}

TEST_CASE("signal handlers that were there before are back afterwards") {
  struct sigaction before = {};
  struct sigaction after = {};
  ::sigaction(SIGTERM, nullptr, &before);
  { runtime rt(with_signals()); }
  ::sigaction(SIGTERM, nullptr, &after);
  REQUIRE(before.sa_handler == after.sa_handler);
}
