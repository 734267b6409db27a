#include "aws_process.hpp"

#include <wale/base/error.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/shield.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern char** environ;

namespace wale::store {
namespace {

// What the child needs at its start, released when it has started.
class spawn_plan {
public:
  explicit spawn_plan(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, 1);
    ::posix_spawnattr_init(&attributes_);
    // Ours are blocked for the runtime, and SIGPIPE is ignored.
    sigset_t none{};
    sigset_t defaults{};
    ::sigemptyset(&none);
    ::sigemptyset(&defaults);
    for (const int s : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD})
      ::sigaddset(&defaults, s);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~spawn_plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;

  int start(pid_t& pid, std::vector<std::string>& command) {
    std::vector<char*> argv;
    for (std::string& word : command)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    return ::posix_spawnp(&pid, argv[0], &actions_, &attributes_, argv.data(), environ);
  }

private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

struct child {
  pid_t pid = -1;
  int output = -1;
  bool reaped = false;
  int status = 0;
};

child start(std::vector<std::string> command) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw failure::system(errno, "pipe2");
  child c;
  c.output = pipe[0];
  const int error = spawn_plan(pipe[1]).start(c.pid, command);
  ::close(pipe[1]);
  if (error != 0) {
    ::close(c.output);
    // No room for a process or its memory now: that passes.
    if (error == EAGAIN || error == ENOMEM)
      throw failure::system(error, "posix_spawn", "the credential_process cannot be started");
    throw failure(
        kind::configuration,
        "the credential_process cannot be started",
        "\"" + command.front() + "\": " + describe_errno(error) + ".",
        "Check credential_process in the AWS configuration file.");
  }
  ::fcntl(c.output, F_SETFL, O_NONBLOCK);
  return c;
}

task<> collect(io::runtime& rt, child& c, std::string& text, std::size_t most) {
  std::array<char, 4096> buffer{};
  while (true) {
    co_await rt.ready(c.output, POLLIN);
    const ssize_t n = ::read(c.output, buffer.data(), buffer.size());
    if (n == 0) break;
    if (n < 0 && errno != EAGAIN && errno != EINTR) throw failure::system(errno, "read");
    if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
    if (text.size() > most)
      throw failure(
          kind::unavailable,
          "the credential_process failed",
          "It printed more than " + std::to_string(most) + " bytes.");
  }
  // Its end follows that of its output within moments, as a rule.
  while (true) {
    const pid_t ended = ::waitpid(c.pid, &c.status, WNOHANG);
    if (ended < 0 && errno != EINTR) throw failure::system(errno, "waitpid");
    c.reaped = ended == c.pid;
    if (c.reaped) co_return;
    co_await rt.sleep(std::chrono::milliseconds(2));
  }
}

// A killed process is gone when the kernel gets to it; a thread of the pool can wait for that.
task<> kill_and_reap(io::runtime& rt, pid_t pid) {
  ::kill(-pid, SIGKILL);
  auto wait = [pid] {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  };
  co_await rt.offload(wait);
}

void check(const std::string& program, int status) {
  std::string how;
  if (WIFSIGNALED(status))
    how = "was killed by signal " + std::to_string(WTERMSIG(status));
  else if (WEXITSTATUS(status) != 0)
    how = "ended with status " + std::to_string(WEXITSTATUS(status));
  if (!how.empty())
    throw failure(
        kind::unavailable,
        "the credential_process failed",
        "\"" + program + "\" " + how + ".",
        "What it has to say about it is on standard error.");
}

} // namespace

std::vector<std::string> split_command(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool escape = c == '\\' && quote != '\'' && i + 1 < line.size();
    if (escape && (quote == 0 || line[i + 1] == '"' || line[i + 1] == '\\')) {
      word += line[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::exchange(word, {}));
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) words.push_back(word);
  if (quote != 0 || words.empty() || words.front().empty())
    throw failure(
        kind::configuration,
        "the credential_process is no command",
        quote != 0 ? "A quote in it is not closed." : "It names no program.",
        "Check credential_process in the AWS configuration file.");
  return words;
}

task<std::string> output_of(
    io::runtime& rt,
    std::vector<std::string> command,
    std::chrono::milliseconds limit,
    std::size_t most) {
  const std::string program = command.front();
  child c = start(std::move(command));
  std::string text;
  std::exception_ptr error;
  try {
    co_await io::within(rt, limit, "the credential_process", collect(rt, c, text, most));
  } catch (...) {
    error = std::current_exception();
  }
  if (!c.reaped) co_await io::shield(kill_and_reap(rt, c.pid));
  ::close(c.output);
  if (error) std::rethrow_exception(error);
  check(program, c.status);
  co_return text;
}

} // namespace wale::store
