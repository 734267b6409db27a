#pragma once
// What a connection is made of: bytes both ways, plain or under TLS. The one virtual seam of this
// layer. One read and one write may be under way at the same time.

#include <wale/http/message.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/socket.hpp>
#include <wale/io/task.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace wale::http {

class byte_stream {
public:
  virtual ~byte_stream() = default;
  /// At least one byte; 0 at the end. A cancelled call loses no byte.
  virtual task<std::size_t> read_some(std::span<std::byte> into) = 0;
  /// Fills `into` unless the stream ends before.
  virtual task<std::size_t> read_exactly(std::span<std::byte> into) = 0;
  /// Sends all of it, or throws. What a cancelled call has sent is unknown.
  virtual task<> write(std::span<const std::span<const std::byte>> pieces) = 0;
  /// Bytes that were received and nobody has read.
  virtual bool holds_bytes() const noexcept { return false; }
  virtual int descriptor() const noexcept = 0;
};

std::unique_ptr<byte_stream> make_plain_stream(io::runtime& rt, io::socket connected);

} // namespace wale::http
