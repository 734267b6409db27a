#pragma once
// Another program at work for this one, its standard streams in our hands.
//
// It gets pipes for 0, 1 and 2 and no other descriptor, default signal dispositions, and a session
// of its own: it has no terminal, so neither it nor what it starts can ask for anything on one, and
// a Ctrl-C reaches only us. If we die, its pipes end.

#include <wale/io/task.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace wale::io {

class runtime;

/// Our end of a pipe, non-blocking, over the engine's poll. Move-only; at most one call at a time.
class pipe_end {
public:
  pipe_end() noexcept = default;
  /// Takes ownership of a descriptor.
  pipe_end(runtime& rt, int fd);
  pipe_end(pipe_end&& other) noexcept;
  pipe_end& operator=(pipe_end&& other) noexcept;
  ~pipe_end();

  /// At least one byte; 0 at the end. Cancellation throws kind::interrupted and loses no byte.
  task<std::size_t> read_some(std::span<std::byte> into);
  /// Fills `into` unless the pipe ends before. What a cancelled call has taken is lost.
  task<std::size_t> read_full(std::span<std::byte> into);
  /// What is there now, without waiting.
  std::size_t read_now(std::span<std::byte> into) noexcept;
  /// Writes all of it. Throws failure with error_number() EPIPE if nobody reads any more.
  task<> write(std::span<const std::byte> from);
  /// Asks the kernel for a pipe of 1 MiB, for streams of more than a few words.
  void enlarge() noexcept;
  void close() noexcept;

private:
  task<> wait_for(int event);

  runtime* runtime_ = nullptr;
  int fd_ = -1;
  bool is_roomy_ = false;
};

struct program_call {
  std::vector<std::string> arguments;   ///< the first is the program, looked for in PATH
  std::vector<std::string> environment; ///< NAME=VALUE
};

/// How a program ended.
struct program_end {
  int exit_code = -1; ///< -1 if a signal ended it
  int signal = 0;
};

/// A running program. Not movable. Its destructor kills and reaps it if nobody did; that waits for
/// the kernel, so end it with kill() and wait() where it may still run.
class child_process {
public:
  /// From now on this process ignores SIGPIPE. Throws failure with error_number(): ENOENT if there
  /// is no such program, EACCES if it may not be run.
  child_process(runtime& rt, const program_call& call);
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  pipe_end& input() noexcept { return input_; }
  pipe_end& output() noexcept { return output_; }
  pipe_end& errors() noexcept { return errors_; }

  /// SIGKILL, unless it was reaped.
  void kill() noexcept;
  /// Returns when it has ended, and reaps it; may be called again. Cancellation leaves it running.
  task<program_end> wait();

private:
  task<> wait_until_ended();

  runtime& runtime_;
  pipe_end input_;
  pipe_end output_;
  pipe_end errors_;
  pid_t pid_ = -1;
  bool is_reaped_ = false;
  program_end end_;
};

} // namespace wale::io
