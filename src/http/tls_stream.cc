// The BIO reads from and appends to two buffers of the stream; the stream moves them over the
// socket. Reader and writer are two coroutines of one thread, so SSL calls never overlap; only the
// sending has to be taken turns at.
#include "tls_stream.hpp"

#include <wale/base/error.hpp>
#include <wale/io/event.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace wale::http {
namespace {

/// Encrypted bytes that are gathered for one send, and taken with one receive.
constexpr std::size_t gather = 128 * 1024;
constexpr std::size_t record = 16 * 1024; ///< RFC 8446, 5.1

struct buffers {
  std::unique_ptr<std::byte[]> in = std::make_unique_for_overwrite<std::byte[]>(gather);
  std::size_t begin = 0;
  std::size_t end = 0;
  std::vector<std::byte> out;
};

int read_from(BIO* bio, char* into, int size) {
  auto& b = *static_cast<buffers*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t n = std::min(b.end - b.begin, static_cast<std::size_t>(size));
  if (n == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(into, b.in.get() + b.begin, n);
  b.begin += n;
  return static_cast<int>(n);
}

int write_to(BIO* bio, const char* from, int size) {
  auto& b = *static_cast<buffers*>(BIO_get_data(bio));
  const auto* const bytes = reinterpret_cast<const std::byte*>(from);
  b.out.insert(b.out.end(), bytes, bytes + size);
  return size;
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* make_bio(buffers& b) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wal-e");
    BIO_meth_set_read(m, &read_from);
    BIO_meth_set_write(m, &write_to);
    BIO_meth_set_ctrl(m, &control);
    return m;
  }();
  BIO* const bio = BIO_new(method);
  BIO_set_data(bio, &b);
  BIO_set_init(bio, 1);
  return bio;
}

class tls_stream final : public byte_stream {
public:
  tls_stream(io::socket connected, std::unique_ptr<SSL, free_ssl> ssl)
      : socket_(std::move(connected)), ssl_(std::move(ssl)) {
    BIO* const bio = make_bio(buffers_);
    SSL_set_bio(ssl_.get(), bio, bio);
  }
  // Without this OpenSSL would take the session for broken and not resume it. A close_notify would
  // tell nobody anything: bodies have lengths.
  ~tls_stream() override {
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  task<> shake_hands();
  task<std::size_t> read_some(std::span<std::byte> into) override;
  task<std::size_t> read_exactly(std::span<std::byte> into) override;
  task<> write(std::span<const std::span<const std::byte>> pieces) override;
  bool holds_bytes() const noexcept override {
    return buffers_.begin < buffers_.end || SSL_has_pending(ssl_.get()) == 1;
  }
  int descriptor() const noexcept override { return socket_.descriptor(); }

private:
  bool pull(std::span<std::byte> into, std::size_t& n);
  task<> fill();
  task<> flush();
  [[noreturn]] void fail(int error) const;

  io::socket socket_;
  buffers buffers_;
  std::vector<std::byte> leaving_;
  bool is_sending_ = false;
  bool is_broken_ = false; ///< unless the flush that is under way succeeds
  io::event sent_;
  std::unique_ptr<SSL, free_ssl> ssl_;
};

task<> tls_stream::fill() {
  buffers_.begin = buffers_.end = 0;
  buffers_.end = co_await socket_.read_some(std::span(buffers_.in.get(), gather));
  if (buffers_.end == 0)
    throw failure::system(
        ECONNRESET, "recv", "the connection was closed without the end that TLS wants");
}

// Whoever sends goes on until nothing is left, also of what the other one has added. If a send
// fails or is cancelled, a record may be cut, and nothing can be sent any more.
task<> tls_stream::flush() {
  while (is_sending_)
    co_await sent_.wait();
  if (is_broken_) throw failure::system(EPIPE, "send", "a network connection failed");
  is_sending_ = is_broken_ = true;
  const auto let_go = [](tls_stream* s) {
    s->is_sending_ = false;
    s->sent_.notify_all();
  };
  const std::unique_ptr<tls_stream, decltype(let_go)> turn(this, let_go);
  while (!buffers_.out.empty()) {
    leaving_.clear();
    std::swap(leaving_, buffers_.out);
    co_await socket_.write(leaving_);
  }
  is_broken_ = false;
}

void tls_stream::fail(int error) const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (!SSL_is_init_finished(ssl_.get()) && verdict != X509_V_OK) {
    ERR_clear_error();
    throw failure(
        kind::configuration,
        "the server's certificate is not trusted",
        X509_verify_cert_error_string(verdict),
        "If it is of an authority of your own, name that one's certificate with WALE_CA_FILE.");
  }
  std::string why = "the connection ended";
  if (error == SSL_ERROR_SSL) why = last_tls_error();
  throw failure(kind::unavailable, "TLS failed", why);
}

task<> tls_stream::shake_hands() {
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int error = SSL_get_error(ssl_.get(), done);
    if (done != 1 && error != SSL_ERROR_WANT_READ) fail(error);
    co_await flush();
    if (done == 1) co_return;
    co_await fill();
  }
}

// True: `n` bytes, of which none is the end. False: more must come from the socket first.
bool tls_stream::pull(std::span<std::byte> into, std::size_t& n) {
  ERR_clear_error();
  n = 0;
  const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
  if (done == 1) return true;
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_ZERO_RETURN) return true;
  if (error != SSL_ERROR_WANT_READ) fail(error);
  return false;
}

task<std::size_t> tls_stream::read_some(std::span<std::byte> into) {
  std::size_t n = 0;
  while (!pull(into, n)) {
    if (!buffers_.out.empty() && !is_sending_) co_await flush();
    co_await fill();
  }
  co_return n;
}

task<std::size_t> tls_stream::read_exactly(std::span<std::byte> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    std::size_t n = 0;
    if (!pull(into.subspan(got), n)) n = co_await read_some(into.subspan(got));
    if (n == 0) break;
    got += n;
  }
  co_return got;
}

task<> tls_stream::write(std::span<const std::span<const std::byte>> pieces) {
  for (std::span<const std::byte> piece : pieces) {
    while (!piece.empty()) {
      ERR_clear_error();
      std::size_t n = 0;
      const std::size_t most = std::min(piece.size(), record);
      const int done = SSL_write_ex(ssl_.get(), piece.data(), most, &n);
      if (done != 1) fail(SSL_get_error(ssl_.get(), done));
      piece = piece.subspan(n);
      if (buffers_.out.size() + record > gather) co_await flush();
    }
  }
  co_await flush();
}

} // namespace

task<std::unique_ptr<byte_stream>>
make_tls_stream(io::runtime&, io::socket connected, std::unique_ptr<SSL, free_ssl> ssl) {
  auto stream = std::make_unique<tls_stream>(std::move(connected), std::move(ssl));
  co_await stream->shake_hands();
  co_return stream;
}

} // namespace wale::http
