// One case for each kind of operation. MSG_WAITALL only where the caller wants all of it: a read
// that may be short must not wait for a buffer that is never filled.
#include "submission.hpp"

#include <fcntl.h>

namespace wale::io {

namespace {

void prepare_socket(io_uring_sqe& sqe, const operation& op, msghdr& message) noexcept {
  const auto vectors = const_cast<iovec*>(op.vectors);
  switch (op.kind) {
  case op_kind::connect:
    return io_uring_prep_connect(&sqe, op.fd, op.address, op.address_length);
  case op_kind::recv:
    return io_uring_prep_recv(&sqe, op.fd, op.data, op.length, 0);
  case op_kind::recv_all:
    return io_uring_prep_recv(&sqe, op.fd, op.data, op.length, MSG_WAITALL);
  case op_kind::send:
    return io_uring_prep_send(&sqe, op.fd, op.data, op.length, MSG_WAITALL | MSG_NOSIGNAL);
  case op_kind::sendv:
    message = {};
    message.msg_iov = vectors;
    message.msg_iovlen = op.vector_count;
    return io_uring_prep_sendmsg(&sqe, op.fd, &message, MSG_NOSIGNAL);
  default:
    return io_uring_prep_poll_add(&sqe, op.fd, static_cast<unsigned>(op.flags));
  }
}

} // namespace

void prepare(io_uring_sqe& sqe, const operation& op, msghdr& message) noexcept {
  const auto length = static_cast<unsigned>(op.length);
  switch (op.kind) {
  case op_kind::nop:
    return io_uring_prep_nop(&sqe);
  case op_kind::open:
    return io_uring_prep_openat(&sqe, AT_FDCWD, op.path, op.flags | O_CLOEXEC, op.mode);
  case op_kind::read:
    return io_uring_prep_read(&sqe, op.fd, op.data, length, op.offset);
  case op_kind::write:
    return io_uring_prep_write(&sqe, op.fd, op.data, length, op.offset);
  case op_kind::writev:
    return io_uring_prep_writev(&sqe, op.fd, op.vectors, op.vector_count, op.offset);
  case op_kind::fsync:
    return io_uring_prep_fsync(&sqe, op.fd, op.flags & 1 ? IORING_FSYNC_DATASYNC : 0);
  default:
    return prepare_socket(sqe, op, message);
  }
}

} // namespace wale::io
