#pragma once
// The seam between everything that does I/O and what carries it: one plain struct per operation,
// one small virtual interface, two implementations (ring.cc on io_uring, threads.cc on epoll and a
// pool of blocking calls). Which one runs is decided at start, see runtime.hpp.
//
// Rules, each of which was a reproduced fault before it was a rule (docs/design.md "Engine"):
// - An operation and every byte it points to live until `complete` was called. Cancelling only
// asks.
// - A descriptor is closed only when no operation on it is in flight: cancel, await, close.
// - `complete` is called exactly once, on the I/O thread, never from inside start() or cancel().

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace boost::asio {
class io_context;
}

namespace wale::io {

enum class op_kind : std::uint8_t {
  nop,
  open,     ///< path, flags, mode -> descriptor; O_CLOEXEC is added
  read,     ///< fd, data, length, offset; ~0 is the descriptor's own position
  write,    ///< fd, data, length, offset; likewise
  writev,   ///< fd, vectors, vector_count, offset
  fsync,    ///< fd; flags: 1 = data only
  connect,  ///< fd, address, address_length
  recv,     ///< fd, data, length; may be short
  recv_all, ///< fd, data, length; short only at end of stream
  send,     ///< fd, data, length; sends all of it unless it fails or is cancelled
  sendv,    ///< fd, vectors, vector_count; may be short
  poll,     ///< fd, flags = poll(2) events -> events that are ready
};

/// One operation. The caller fills the first part; the engine owns the second part from start()
/// until it has called complete().
struct operation {
  op_kind kind = op_kind::nop;
  int fd = -1;
  int flags = 0;
  mode_t mode = 0;
  void* data = nullptr;
  std::size_t length = 0;
  std::uint64_t offset = 0;
  const char* path = nullptr;
  const iovec* vectors = nullptr;
  unsigned vector_count = 0;
  const sockaddr* address = nullptr;
  socklen_t address_length = 0;
  /// result >= 0, or -errno; -ECANCELED if a cancellation took effect.
  /// A cancelled send may report a partial count instead.
  void (*complete)(operation* self, int result) noexcept = nullptr;

  operation* next = nullptr; ///< engine's
  std::uint32_t slot = 0;    ///< engine's
  bool cancelled = false;    ///< engine's
  void* engine_state = nullptr;
};

class engine {
public:
  virtual ~engine() = default;
  /// Begins the operation. Never blocks.
  virtual void start(operation& op) noexcept = 0;
  /// Asks for an early end of an operation in flight; complete() still comes. Harmless if too late.
  virtual void cancel(operation& op) noexcept = 0;
  /// Cancels all operations and returns when the kernel holds none of our memory any more; their
  /// complete() is not called. The engine takes no operation afterwards.
  virtual void shutdown() noexcept = 0;
  /// "ring" or "threads".
  virtual std::string_view name() const noexcept = 0;
};

/// nullptr, with the reason in `why`, where the kernel refuses io_uring or lacks an operation.
std::unique_ptr<engine> make_ring_engine(boost::asio::io_context& loop, std::string& why);
std::unique_ptr<engine> make_threads_engine(boost::asio::io_context& loop);

} // namespace wale::io
