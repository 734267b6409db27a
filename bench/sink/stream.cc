// A discarded body costs the least the kernel offers: it is not even copied out (MSG_TRUNC,
// tcp(7)).
#include "stream.hpp"

#include "tls.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace sink {
namespace {

constexpr std::size_t head_limit = 64U << 10;
constexpr std::size_t waste_size = 1U << 20;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] void fail_tls(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + ERR_error_string(ERR_get_error(), nullptr));
}

} // namespace

stream::stream(int socket, SSL_CTX* tls) : socket_(socket), waste_(waste_size) {
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!tls) return;
  const std::unique_ptr<SSL, freed_by<SSL_free>> handshake(SSL_new(tls));
  record_layer::secrets agreed;
  const bool is_ready = handshake && SSL_set_fd(handshake.get(), socket_) == 1 &&
                        SSL_set_app_data(handshake.get(), &agreed) == 1;
  if (!is_ready || SSL_accept(handshake.get()) != 1) {
    close(socket_);
    fail_tls("TLS handshake");
  }
  records_ = std::make_unique<record_layer>(socket_, agreed);
}

stream::~stream() {
  close(socket_);
}

std::size_t stream::receive(char* to, std::size_t most) {
  if (records_) {
    early_ = records_->next();
    return take_early(to, most);
  }
  const ssize_t got = recv(socket_, to, most, 0);
  if (got < 0) fail("recv");
  return static_cast<std::size_t>(got);
}

std::size_t stream::take_early(char* to, std::size_t most) {
  const std::size_t count = std::min(most, early_.size());
  std::memcpy(to, early_.data(), count);
  early_.erase(0, count);
  return count;
}

std::string stream::read_head() {
  constexpr std::string_view end = "\r\n\r\n";
  std::string head = std::exchange(early_, {});
  for (std::size_t from = 0;;) {
    if (const auto at = head.find(end, from); at != head.npos) {
      early_ = head.substr(at + end.size());
      head.resize(at + end.size());
      return head;
    }
    if (head.size() > head_limit) throw std::runtime_error("the head has no end");
    from = head.size() < end.size() ? 0 : head.size() - end.size();
    const std::size_t got = receive(waste_.data(), head_limit);
    if (got == 0 && head.empty()) return {};
    if (got == 0) throw std::runtime_error("the connection ended in a head");
    head.append(waste_.data(), got);
  }
}

void stream::read(char* to, std::size_t count) {
  for (std::size_t done = take_early(to, count); done < count;) {
    const std::size_t got = receive(to + done, count - done);
    if (got == 0) throw std::runtime_error("the connection ended in a body");
    done += got;
  }
}

void stream::discard(std::uint64_t count) {
  count -= take_early(waste_.data(), std::min<std::uint64_t>(count, waste_.size()));
  while (count > 0) {
    const std::size_t most = std::min<std::uint64_t>(count, waste_.size());
    if (records_ && (count -= records_->skip(count)) == 0) return;
    const ssize_t got = records_ ? static_cast<ssize_t>(receive(waste_.data(), most))
                                 : recv(socket_, waste_.data(), most, MSG_TRUNC);
    if (got < 0) fail("recv");
    if (got == 0) throw std::runtime_error("the connection ended in a body");
    count -= static_cast<std::uint64_t>(got);
  }
}

void stream::write(std::string_view bytes) {
  if (records_) return records_->write(bytes);
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void stream::flush() {
  if (records_) records_->flush();
}

} // namespace sink
