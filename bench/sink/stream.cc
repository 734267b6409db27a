// A discarded body costs the least the kernel offers: over plain TCP it is not even copied out
// (MSG_TRUNC, tcp(7)); over TLS it is decrypted into one buffer, again and again.
#include "stream.hpp"

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
constexpr std::size_t tls_write_buffer = 256U << 10;

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
  tls_ = SSL_new(tls);
  if (!tls_) fail_tls("SSL_new");
  // Records gather in a buffer, or each of 16 KiB would be a send() of its own.
  BIO* buffer = BIO_new(BIO_f_buffer());
  BIO* out = BIO_new_socket(socket_, BIO_NOCLOSE);
  BIO_set_write_buffer_size(buffer, tls_write_buffer);
  SSL_set0_wbio(tls_, BIO_push(buffer, out));
  SSL_set0_rbio(tls_, BIO_new_socket(socket_, BIO_NOCLOSE));
  if (SSL_accept(tls_) != 1) {
    SSL_free(tls_);
    close(socket_);
    fail_tls("TLS handshake");
  }
}

stream::~stream() {
  if (tls_) SSL_free(tls_);
  close(socket_);
}

std::size_t stream::receive(char* to, std::size_t most) {
  if (tls_) {
    std::size_t got = 0;
    if (SSL_read_ex(tls_, to, most, &got) == 1) return got;
    if (SSL_get_error(tls_, 0) == SSL_ERROR_ZERO_RETURN) return 0;
    fail_tls("TLS read");
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
    const ssize_t got = tls_ ? static_cast<ssize_t>(receive(waste_.data(), most))
                             : recv(socket_, waste_.data(), most, MSG_TRUNC);
    if (got < 0) fail("recv");
    if (got == 0) throw std::runtime_error("the connection ended in a body");
    count -= static_cast<std::uint64_t>(got);
  }
}

void stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t done = 0;
    if (tls_) {
      if (SSL_write_ex(tls_, bytes.data(), bytes.size(), &done) != 1) fail_tls("TLS write");
    } else {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) fail("send");
      done = static_cast<std::size_t>(sent);
    }
    bytes.remove_prefix(done);
  }
}

void stream::flush() {
  if (tls_ && BIO_flush(SSL_get_wbio(tls_)) != 1) fail_tls("TLS write");
}

} // namespace sink
