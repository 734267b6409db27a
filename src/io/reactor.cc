// Registrations are one-shot: a descriptor that nobody waits for never fires, and closing it
// removes it from the kernel's set, so that nothing has to be told when a socket is closed.
#include "reactor.hpp"

#include "transfer.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

namespace {

/// No error number: connect(2) of a Unix socket fails with EAGAIN for good.
constexpr int would_block = INT_MIN;

int result_of(ssize_t n) noexcept {
  if (n >= 0) return static_cast<int>(n);
  return errno == EAGAIN ? would_block : -errno;
}

// Non-blocking for this one call: an operation of the other engine on the same socket would
// otherwise be answered with EAGAIN.
int begin_connect(const operation& op) noexcept {
  const int flags = ::fcntl(op.fd, F_GETFL);
  if (flags < 0 || ::fcntl(op.fd, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
  const int error = ::connect(op.fd, op.address, op.address_length) == 0 ? 0 : errno;
  ::fcntl(op.fd, F_SETFL, flags);
  return error == EINPROGRESS ? would_block : -error;
}

int end_connect(const operation& op) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(op.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
  return -error;
}

int poll_now(const operation& op) noexcept {
  pollfd p = {op.fd, static_cast<short>(op.flags), 0};
  const int n = ::poll(&p, 1, 0);
  if (n < 0) return -errno;
  return n == 0 ? would_block : p.revents;
}

int send_vectors(const operation& op) noexcept {
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(op.vectors);
  message.msg_iovlen = op.vector_count;
  return result_of(::sendmsg(op.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int attempt_once(const operation& op, bool first) noexcept {
  switch (op.kind) {
  case op_kind::connect:
    return first ? begin_connect(op) : end_connect(op);
  case op_kind::recv:
  case op_kind::recv_all:
    return result_of(::recv(op.fd, op.data, op.length, MSG_DONTWAIT));
  case op_kind::send:
    return result_of(::send(op.fd, op.data, op.length, MSG_NOSIGNAL | MSG_DONTWAIT));
  case op_kind::sendv:
    return send_vectors(op);
  case op_kind::poll:
    return poll_now(op);
  default:
    return -EINVAL;
  }
}

/// True if the operation has ended.
bool attempt(operation& op, bool first, int& result) noexcept {
  do {
    result = attempt_once(op, first);
    if (result == would_block) return false;
  } while (!advance(op, result));
  return true;
}

unsigned events_of(const operation& op) noexcept {
  switch (op.kind) {
  case op_kind::recv:
  case op_kind::recv_all:
    return EPOLLIN;
  case op_kind::poll:
    return static_cast<unsigned>(op.flags);
  default:
    return EPOLLOUT;
  }
}

} // namespace

reactor::reactor(asio::io_context& loop, std::function<void(operation&, int)> finish) noexcept
    : finish_(std::move(finish)), epoll_(loop) {}

bool reactor::open() noexcept {
  if (epoll_.is_open()) return true;
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) return false;
  boost::system::error_code error;
  epoll_.assign(fd, error);
  return !error;
}

bool reactor::start(operation& op, int& result) noexcept {
  if (attempt(op, true, result)) return true;
  if (!open()) {
    result = -EMFILE;
    return true;
  }
  waiting& ops = waiting_[op.fd];
  ops.push_back(&op);
  result = watch(op.fd, ops);
  if (result < 0) {
    ops.pop_back();
    if (ops.empty()) waiting_.erase(op.fd);
    return true;
  }
  arm();
  return false;
}

void reactor::remove(operation& op) noexcept {
  const auto place = waiting_.find(op.fd);
  if (place == waiting_.end()) return;
  waiting& ops = place->second;
  std::erase(ops, &op);
  if (!ops.empty()) {
    watch(op.fd, ops);
    return;
  }
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, op.fd, nullptr);
  waiting_.erase(place);
  if (waiting_.empty()) disarm();
}

void reactor::shutdown() noexcept {
  waiting_.clear();
  disarm();
  boost::system::error_code ignored;
  epoll_.close(ignored);
}

int reactor::watch(int fd, const waiting& ops) noexcept {
  epoll_event event = {};
  event.events = EPOLLONESHOT;
  for (const operation* op : ops)
    event.events |= events_of(*op);
  event.data.fd = fd;
  const int epoll = epoll_.native_handle();
  if (::epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0) return 0;
  if (errno != ENOENT) return -errno;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void reactor::arm() noexcept {
  if (std::exchange(armed_, true)) return;
  epoll_.async_wait(
      asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error) return;
        armed_ = false;
        dispatch();
        if (!waiting_.empty()) arm();
      });
}

void reactor::disarm() noexcept {
  if (!std::exchange(armed_, false)) return;
  boost::system::error_code ignored;
  epoll_.cancel(ignored);
}

void reactor::dispatch() noexcept {
  std::array<epoll_event, 64> events;
  while (true) {
    const int n =
        ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    if (n < 0 && errno == EINTR) continue;
    for (int i = 0; i < n; ++i)
      retry(events[i].data.fd, events[i].events);
    if (n < static_cast<int>(events.size())) return;
  }
}

void reactor::retry(int fd, unsigned events) noexcept {
  const auto place = waiting_.find(fd);
  if (place == waiting_.end()) return;
  // finish() resumes nobody now, so the list changes only here.
  waiting& ops = place->second;
  std::erase_if(ops, [&](operation* op) {
    int result = 0;
    if (!(events & (events_of(*op) | EPOLLERR | EPOLLHUP))) return false;
    if (!attempt(*op, false, result)) return false;
    finish_(*op, result);
    return true;
  });
  if (ops.empty()) {
    waiting_.erase(place);
  } else {
    watch(fd, ops);
  }
}

} // namespace wale::io
