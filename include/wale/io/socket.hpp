#pragma once
// A stream socket over the engine, in the shape of Asio's AsyncReadStream and AsyncWriteStream, so
// that ssl::stream and Beast can sit on it. Tasks for everybody else.

#include <wale/io/engine.hpp>
#include <wale/io/task.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace wale::io {

class runtime;

/// Move-only. At most one read and one write may be in flight, and none at a move, at close() or at
/// destruction: cancel, await, close.
class socket {
public:
  using executor_type = boost::asio::any_io_executor;
  using lowest_layer_type = socket;
  using handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;

  /// Takes ownership of a connected stream socket, which should be in blocking mode.
  socket(runtime& rt, int fd);
  socket(socket&& other) noexcept;
  socket& operator=(socket&& other) noexcept;
  ~socket();

  /// Connects a new socket, without Nagle's delay for TCP. Throws failure with error_number(), for
  /// example ECONNREFUSED. Cancellation closes the socket.
  static task<socket> connect(runtime& rt, const sockaddr_storage& address, socklen_t length);

  executor_type get_executor() const;
  lowest_layer_type& lowest_layer() noexcept { return *this; }
  const lowest_layer_type& lowest_layer() const noexcept { return *this; }
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

  /// Asio's AsyncReadStream. A zero-length read completes by itself.
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    boost::asio::mutable_buffer first;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto b = boost::asio::buffer_sequence_begin(buffers); b != end && !first.size(); ++b) {
      first = *b;
    }
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto done, boost::asio::mutable_buffer into) {
          start_read(into, handler(std::move(done)));
        },
        token,
        first);
  }

  /// Asio's AsyncWriteStream. One buffer is sent whole, several perhaps in part.
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    std::vector<iovec> parts;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto b = boost::asio::buffer_sequence_begin(buffers); b != end; ++b) {
      const boost::asio::const_buffer part = *b;
      if (part.size()) parts.push_back({const_cast<void*>(part.data()), part.size()});
      if (parts.size() == longest_gather) break;
    }
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto done, std::vector<iovec> from) {
          start_write(std::move(from), handler(std::move(done)));
        },
        token,
        std::move(parts));
  }

private:
  static constexpr std::size_t longest_gather = 64;

  void start_read(boost::asio::mutable_buffer into, handler&& done);
  void start_write(std::vector<iovec> from, handler&& done);

  runtime* runtime_;
  int fd_;
};

} // namespace wale::io
