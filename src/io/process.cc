// posix_spawn, as no coroutine may fork, and pipes that are polled: a blocking read of a pipe could
// not be cancelled where the engine is a pool of threads.
#include <wale/base/error.hpp>
#include <wale/io/process.hpp>
#include <wale/io/runtime.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace wale::io {

namespace {

constexpr int roomy_pipe = 1 << 20; // what the kernel gives everybody
// Programs that move 4 or 8 KiB at a time would wake us for each. After a wake-up the pipe is left
// alone for as long as even a fast one needs for a quarter of it.
constexpr std::chrono::microseconds collecting{300};

[[noreturn]] void fail(int error, const char* call) {
  throw failure::system(error, call, "a program could not be run");
}

struct pipe_pair {
  pipe_pair() {
    std::array<int, 2> fd{};
    if (::pipe2(fd.data(), O_CLOEXEC) != 0) fail(errno, "pipe");
    read = fd[0];
    write = fd[1];
  }
  ~pipe_pair() {
    if (read >= 0) ::close(read);
    if (write >= 0) ::close(write);
  }
  pipe_pair(const pipe_pair&) = delete;
  pipe_pair& operator=(const pipe_pair&) = delete;

  int read = -1;
  int write = -1;
};

class spawn_settings {
public:
  spawn_settings(int input, int output, int errors) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, 1);
    ::posix_spawn_file_actions_adddup2(&actions_, errors, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t all;
    sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    constexpr int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID;
    ::posix_spawnattr_setflags(&attributes_, flags);
  }
  ~spawn_settings() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_settings(const spawn_settings&) = delete;
  spawn_settings& operator=(const spawn_settings&) = delete;

  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts)
    pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

program_end end_of(int status) {
  program_end end;
  if (WIFEXITED(status))
    end.exit_code = WEXITSTATUS(status);
  else if (WIFSIGNALED(status))
    end.signal = WTERMSIG(status);
  return end;
}

} // namespace

pipe_end::pipe_end(runtime& rt, int fd) : runtime_(&rt), fd_(fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

pipe_end::pipe_end(pipe_end&& other) noexcept
    : runtime_(other.runtime_), fd_(std::exchange(other.fd_, -1)), is_roomy_(other.is_roomy_) {}

pipe_end& pipe_end::operator=(pipe_end&& other) noexcept {
  if (this == &other) return *this;
  close();
  runtime_ = other.runtime_;
  fd_ = std::exchange(other.fd_, -1);
  is_roomy_ = other.is_roomy_;
  return *this;
}

pipe_end::~pipe_end() {
  close();
}

void pipe_end::enlarge() noexcept {
  is_roomy_ = ::fcntl(fd_, F_SETPIPE_SZ, roomy_pipe) >= roomy_pipe;
}

void pipe_end::close() noexcept {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0) ::close(fd);
}

task<> pipe_end::wait_for(int event) {
  const int events = co_await runtime_->ready(fd_, event);
  const bool is_alive = !(events & (POLLHUP | POLLERR));
  if (is_roomy_ && is_alive) co_await runtime_->sleep(collecting);
}

task<std::size_t> pipe_end::read_some(std::span<std::byte> into) {
  while (true) {
    const ssize_t n = ::read(fd_, into.data(), into.size());
    if (n >= 0) co_return static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) fail(errno, "read");
    co_await wait_for(POLLIN);
  }
}

task<std::size_t> pipe_end::read_full(std::span<std::byte> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    const std::size_t n = co_await read_some(into.subspan(got));
    if (n == 0) break;
    got += n;
  }
  co_return got;
}

std::size_t pipe_end::read_now(std::span<std::byte> into) noexcept {
  ssize_t n = -1;
  do {
    n = ::read(fd_, into.data(), into.size());
  } while (n < 0 && errno == EINTR);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

task<> pipe_end::write(std::span<const std::byte> from) {
  while (!from.empty()) {
    const ssize_t n = ::write(fd_, from.data(), from.size());
    if (n >= 0) {
      from = from.subspan(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) fail(errno, "write");
    co_await wait_for(POLLOUT);
  }
}

child_process::child_process(runtime& rt, const program_call& call) : runtime_(rt) {
  // That a program ended early is told by an error number and by how it ended.
  std::signal(SIGPIPE, SIG_IGN);
  pipe_pair in;
  pipe_pair out;
  pipe_pair err;
  const spawn_settings settings(in.read, out.write, err.write);
  const std::vector<char*> arguments = pointers_to(call.arguments);
  const std::vector<char*> environment = pointers_to(call.environment);
  input_ = pipe_end(rt, std::exchange(in.write, -1));
  output_ = pipe_end(rt, std::exchange(out.read, -1));
  errors_ = pipe_end(rt, std::exchange(err.read, -1));
  input_.enlarge();
  output_.enlarge();
  const int error = ::posix_spawnp(
      &pid_,
      arguments.front(),
      settings.actions(),
      settings.attributes(),
      arguments.data(),
      environment.data());
  if (error == 0) return;
  is_reaped_ = true;
  throw failure::system(
      error, "run \"" + call.arguments.front() + "\"", "a program could not be run");
}

child_process::~child_process() {
  if (is_reaped_) return;
  kill();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void child_process::kill() noexcept {
  if (!is_reaped_) ::kill(pid_, SIGKILL);
}

// Before Linux 5.3, and where a container forbids it, there is no descriptor to wait for.
task<> child_process::wait_until_ended() {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (fd < 0) {
    co_await runtime_.sleep(std::chrono::milliseconds(2));
    co_return;
  }
  std::exception_ptr error;
  try {
    co_await runtime_.ready(fd, POLLIN);
  } catch (...) {
    error = std::current_exception();
  }
  ::close(fd);
  if (error) std::rethrow_exception(error);
}

task<program_end> child_process::wait() {
  while (!is_reaped_) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      is_reaped_ = true;
      end_ = end_of(status);
    } else if (ended < 0 && errno != EINTR) {
      is_reaped_ = true; // somebody else's
    } else {
      co_await wait_until_ended();
    }
  }
  co_return end_;
}

} // namespace wale::io
