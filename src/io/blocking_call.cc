// One case for each kind of operation.
#include "blocking_call.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

namespace wale::io {

namespace {

/// Reads and writes at this offset use the descriptor's own position, as on the ring.
constexpr std::uint64_t at_position = ~std::uint64_t{0};

ssize_t call_once(const operation& op) noexcept {
  const auto at = static_cast<off_t>(op.offset);
  switch (op.kind) {
  case op_kind::open:
    return ::open(op.path, op.flags | O_CLOEXEC, op.mode);
  case op_kind::read:
    if (op.offset == at_position) return ::read(op.fd, op.data, op.length);
    return ::pread(op.fd, op.data, op.length, at);
  case op_kind::write:
    if (op.offset == at_position) return ::write(op.fd, op.data, op.length);
    return ::pwrite(op.fd, op.data, op.length, at);
  case op_kind::writev:
    return ::pwritev(op.fd, op.vectors, static_cast<int>(op.vector_count), at);
  case op_kind::fsync:
    return op.flags & 1 ? ::fdatasync(op.fd) : ::fsync(op.fd);
  default:
    errno = EINVAL;
    return -1;
  }
}

} // namespace

bool is_file_operation(op_kind k) noexcept {
  return k != op_kind::nop && k < op_kind::connect;
}

int blocking_call(const operation& op) noexcept {
  ssize_t n = 0;
  do {
    n = call_once(op);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : static_cast<int>(n);
}

} // namespace wale::io
