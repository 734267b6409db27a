// The socket over the engine.
#include "transfer.hpp"

#include <wale/base/error.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/socket.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace wale::io {

namespace asio = boost::asio;

namespace {

[[noreturn]] void fail(int result, const char* call) {
  throw failure::system(-result, call, "a network connection failed");
}

boost::system::error_code error_of(int result) {
  if (result == -ECANCELED) return asio::error::operation_aborted;
  return {-result, boost::system::system_category()};
}

// The engine tells one number; Asio's streams tell an error and a count, and the end as an error.
class stream_completion {
public:
  stream_completion(socket::handler&& done, bool is_read, std::vector<iovec> parts)
      : done_(std::move(done)), is_read_(is_read), parts_(std::move(parts)) {}
  // Boost 1.81's any_completion_handler claims to be copyable and recurses for ever when copied;
  // its move assignment does so too.
  stream_completion(stream_completion&&) noexcept = default;
  stream_completion& operator=(stream_completion&&) = delete;

  void operator()(int result) {
    if (result < 0) {
      std::move(done_)(error_of(result), 0);
    } else if (result == 0 && is_read_) {
      std::move(done_)(asio::error::eof, 0);
    } else {
      std::move(done_)(boost::system::error_code(), static_cast<std::size_t>(result));
    }
  }

private:
  socket::handler done_;
  bool is_read_;
  std::vector<iovec> parts_; ///< the kernel may read them until the completion
};

void complete_empty(asio::io_context& loop, socket::handler&& done) {
  auto held = std::make_unique<socket::handler>(std::move(done));
  asio::post(
      loop, [d = std::move(held)] { std::move (*d)(boost::system::error_code(), std::size_t{0}); });
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

socket::executor_type socket::get_executor() const {
  return runtime_->context().get_executor();
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

void socket::start_read(asio::mutable_buffer into, handler&& done) {
  if (into.size() == 0) return complete_empty(runtime_->context(), std::move(done));
  operation op;
  op.kind = op_kind::recv;
  op.fd = fd_;
  op.data = into.data();
  op.length = std::min(into.size(), longest_transfer);
  auto slot = asio::get_associated_cancellation_slot(done);
  stream_completion told(std::move(done), true, {});
  runtime_->start(op, asio::bind_cancellation_slot(slot, std::move(told)));
}

void socket::start_write(std::vector<iovec> from, handler&& done) {
  if (from.empty()) return complete_empty(runtime_->context(), std::move(done));
  operation op;
  op.fd = fd_;
  if (from.size() == 1) {
    op.kind = op_kind::send;
    op.data = from.front().iov_base;
    op.length = std::min(from.front().iov_len, longest_transfer);
  } else {
    op.kind = op_kind::sendv;
    op.vectors = from.data();
    op.vector_count = static_cast<unsigned>(from.size());
  }
  auto slot = asio::get_associated_cancellation_slot(done);
  stream_completion told(std::move(done), false, std::move(from));
  runtime_->start(op, asio::bind_cancellation_slot(slot, std::move(told)));
}

} // namespace wale::io
