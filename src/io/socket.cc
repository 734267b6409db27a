// The socket over the engine.
#include "transfer.hpp"

#include <wale/base/error.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/socket.hpp>

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <utility>

namespace wale::io {

namespace {

[[noreturn]] void fail(int result, const char* call) {
  throw failure::system(-result, call, "a network connection failed");
}

} // namespace

socket::socket(runtime& rt, int fd) : runtime_(&rt), fd_(fd) {}

socket::socket(socket&& other) noexcept
    : runtime_(other.runtime_), fd_(std::exchange(other.fd_, -1)) {}

socket& socket::operator=(socket&& other) noexcept {
  if (this == &other) return *this;
  close();
  runtime_ = other.runtime_;
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

socket::~socket() {
  close();
}

task<socket> socket::connect(runtime& rt, const sockaddr_storage& address, socklen_t length) {
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(-errno, "socket");
  socket s(rt, fd);
  if (address.ss_family == AF_INET || address.ss_family == AF_INET6) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const sockaddr_storage target = address;
  operation op;
  op.kind = op_kind::connect;
  op.fd = fd;
  op.address = reinterpret_cast<const sockaddr*>(&target);
  op.address_length = length;
  const int result = co_await rt.perform(op);
  if (result < 0) fail(result, "connect");
  co_return s;
}

task<std::size_t> socket::read_some(std::span<std::byte> into) {
  if (into.empty()) co_return 0;
  operation op;
  op.kind = op_kind::recv;
  op.fd = fd_;
  op.data = into.data();
  op.length = std::min(into.size(), longest_transfer);
  const int n = co_await runtime_->perform(op);
  if (n < 0) fail(n, "recv");
  co_return static_cast<std::size_t>(n);
}

task<std::size_t> socket::read_exactly(std::span<std::byte> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    operation op;
    op.kind = op_kind::recv_all;
    op.fd = fd_;
    op.data = into.data() + got;
    op.length = std::min(into.size() - got, longest_transfer);
    const int n = co_await runtime_->perform(op);
    if (n < 0) fail(n, "recv");
    got += static_cast<std::size_t>(n);
    if (static_cast<std::size_t>(n) < op.length) break;
  }
  co_return got;
}

task<> socket::write(std::span<const std::byte> from) {
  while (!from.empty()) {
    operation op;
    op.kind = op_kind::send;
    op.fd = fd_;
    op.data = const_cast<std::byte*>(from.data());
    op.length = std::min(from.size(), longest_transfer);
    const int n = co_await runtime_->perform(op);
    if (n < 0) fail(n, "send");
    from = from.subspan(static_cast<std::size_t>(n));
    // A part is what a cancellation leaves; the next operation tells of it.
  }
}

void socket::shutdown(int how) noexcept {
  if (fd_ >= 0) ::shutdown(fd_, how);
}

void socket::close() noexcept {
  const int fd = std::exchange(fd_, -1);
  if (fd >= 0) ::close(fd);
}

} // namespace wale::io
