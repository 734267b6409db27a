#pragma once
// A stream socket over the engine.

#include <wale/io/engine.hpp>
#include <wale/io/task.hpp>

#include <cstddef>
#include <span>

namespace wale::io {

class runtime;

/// Move-only. At most one read and one write may be in flight, and none at a move, at close() or at
/// destruction: cancel, await, close.
class socket {
public:
  /// Takes ownership of a connected stream socket, which should be in blocking mode.
  socket(runtime& rt, int fd);
  socket(socket&& other) noexcept;
  socket& operator=(socket&& other) noexcept;
  ~socket();

  /// Connects a new socket, without Nagle's delay for TCP. Throws failure with error_number(), for
  /// example ECONNREFUSED. Cancellation closes the socket.
  static task<socket> connect(runtime& rt, const sockaddr_storage& address, socklen_t length);

  bool is_open() const noexcept { return fd_ >= 0; }
  int descriptor() const noexcept { return fd_; }

  /// At least one byte; 0 at the end of the stream. Cancellation loses no byte: it throws
  /// kind::interrupted only if none was taken.
  task<std::size_t> read_some(std::span<std::byte> into);
  /// Fills `into` unless the stream ends before. What a cancelled call has taken is lost.
  task<std::size_t> read_exactly(std::span<std::byte> into);
  /// Sends all of it, or throws. After a cancellation it is unknown how much was sent.
  task<> write(std::span<const std::byte> from);

  /// shutdown(2) with SHUT_RD, SHUT_WR or SHUT_RDWR; a connection that is gone is no failure.
  void shutdown(int how) noexcept;
  void close() noexcept;

private:
  runtime* runtime_;
  int fd_;
};

} // namespace wale::io
