// The BIO reads from and appends to two buffers of the stream; the stream moves them over the
// socket. Reader and writer are two coroutines. The writer encrypts what is large on the CPU pool;
// meanwhile the reader keeps its hands off SSL and both buffers. Sending is taken turns at.
#include "tls_stream.hpp"

#include <wale/base/error.hpp>
#include <wale/io/chain.hpp>
#include <wale/io/event.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

namespace wale::http {
namespace {

/// Encrypted bytes that are taken with one receive, and gathered for one send.
constexpr std::size_t receive_most = 128 * 1024;
constexpr std::size_t gather = 512 * 1024;
/// From here on encrypting takes longer than it takes to wake another thread.
constexpr std::size_t large_write = 64 * 1024;
constexpr std::size_t record = 16 * 1024; ///< RFC 8446, 5.1

struct buffers {
  std::unique_ptr<std::byte[]> in = std::make_unique_for_overwrite<std::byte[]>(receive_most);
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

// What a write has not encrypted yet.
class unsent {
public:
  explicit unsent(std::span<const std::span<const std::byte>> pieces)
      : pieces_(pieces.begin(), pieces.end()), size_(size_of(pieces_)) {
    skip_empty();
  }
  std::uint64_t size() const noexcept { return size_; }
  /// Of the first piece; not empty if size() is not 0.
  std::span<const std::byte> front(std::size_t most) const {
    return pieces_[first_].first(std::min(most, pieces_[first_].size()));
  }
  void drop(std::size_t n) {
    pieces_[first_] = pieces_[first_].subspan(n);
    size_ -= n;
    skip_empty();
  }

private:
  void skip_empty() {
    while (first_ < pieces_.size() && pieces_[first_].empty())
      ++first_;
  }

  body_pieces pieces_;
  std::size_t first_ = 0;
  std::uint64_t size_;
};

class tls_stream final : public byte_stream {
public:
  tls_stream(io::runtime& rt, io::socket connected, std::unique_ptr<SSL, free_ssl> ssl)
      : runtime_(rt), socket_(std::move(connected)), ssl_(std::move(ssl)) {
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
    return buffers_.begin < buffers_.end || arrived_ || SSL_has_pending(ssl_.get()) == 1;
  }
  int descriptor() const noexcept override { return socket_.descriptor(); }

private:
  /// The right to send. Whoever leaves it without finish() has perhaps cut a record.
  class sending;

  bool pull(std::span<std::byte> into, std::size_t& n);
  void push(unsent& what);
  task<> push_on_pool(unsent& what);
  task<> wait_for_turn();
  void take_in() noexcept;
  task<> fill();
  task<> flush();
  task<> send_out();
  [[noreturn]] void fail(int error) const;

  io::runtime& runtime_;
  io::socket socket_;
  buffers buffers_;
  std::size_t arrived_ = 0; ///< bytes behind buffers_.end
  std::vector<std::byte> leaving_;
  bool is_sending_ = false;
  bool is_broken_ = false; ///< unless the sending that is under way succeeds
  bool is_encrypting_ = false;
  io::event sent_;
  io::event encrypted_;
  io::chain order_; ///< of one at a time; goes before what else waits for a thread
  std::unique_ptr<SSL, free_ssl> ssl_;
};

// Not before the pool has its hands off SSL, which may look into both buffers.
void tls_stream::take_in() noexcept {
  buffers_.end += std::exchange(arrived_, 0);
}

task<> tls_stream::fill() {
  buffers_.begin = buffers_.end = 0;
  arrived_ = co_await socket_.read_some(std::span(buffers_.in.get(), receive_most));
  if (arrived_ == 0)
    throw failure::system(
        ECONNRESET, "recv", "the connection was closed without the end that TLS wants");
}

class tls_stream::sending {
public:
  explicit sending(tls_stream& s) : stream_(s) { s.is_sending_ = s.is_broken_ = true; }
  ~sending() {
    stream_.is_sending_ = false;
    stream_.sent_.notify_all();
  }
  sending(const sending&) = delete;
  sending& operator=(const sending&) = delete;
  void finish() { stream_.is_broken_ = false; }

private:
  tls_stream& stream_;
};

// If a send fails or is cancelled, a record may be cut, and nothing can be sent any more.
task<> tls_stream::wait_for_turn() {
  while (is_sending_)
    co_await sent_.wait();
  if (is_broken_) throw failure::system(EPIPE, "send", "a network connection failed");
}

// Goes on until nothing is left, also of what the other one has added. Swaps back, so that only one
// of the two grows large.
task<> tls_stream::send_out() {
  while (!buffers_.out.empty()) {
    std::swap(leaving_, buffers_.out);
    co_await socket_.write(leaving_);
    leaving_.clear();
    const bool is_larger = leaving_.capacity() > buffers_.out.capacity();
    if (buffers_.out.empty() && is_larger) std::swap(leaving_, buffers_.out);
  }
}

task<> tls_stream::flush() {
  co_await wait_for_turn();
  sending turn(*this);
  co_await send_out();
  turn.finish();
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
    take_in();
  }
}

// True: `n` bytes, of which none is the end. False: more must come from the socket first.
bool tls_stream::pull(std::span<std::byte> into, std::size_t& n) {
  take_in();
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
  while (true) {
    while (is_encrypting_)
      co_await encrypted_.wait();
    if (pull(into, n)) co_return n;
    if (!buffers_.out.empty() && !is_sending_ && !is_broken_) co_await flush();
    co_await fill();
  }
}

task<std::size_t> tls_stream::read_exactly(std::span<std::byte> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    std::size_t n = 0;
    const bool is_there = !is_encrypting_ && pull(into.subspan(got), n);
    if (!is_there) n = co_await read_some(into.subspan(got));
    if (n == 0) break;
    got += n;
  }
  co_return got;
}

// Encrypts from the front of `what` until enough is gathered.
void tls_stream::push(unsent& what) {
  while (what.size() && buffers_.out.size() + record <= gather) {
    const std::span<const std::byte> next = what.front(record);
    ERR_clear_error();
    std::size_t n = 0;
    const int done = SSL_write_ex(ssl_.get(), next.data(), next.size(), &n);
    if (done != 1) fail(SSL_get_error(ssl_.get(), done));
    what.drop(n);
  }
}

task<> tls_stream::push_on_pool(unsent& what) {
  const auto job = [this, &what] {
    buffers_.out.reserve(gather + record);
    push(what);
  };
  is_encrypting_ = true;
  std::exception_ptr error;
  try {
    co_await runtime_.offload_in_order(order_, job);
  } catch (...) {
    error = std::current_exception();
  }
  is_encrypting_ = false;
  encrypted_.notify_all();
  if (error) std::rethrow_exception(error);
}

task<> tls_stream::write(std::span<const std::span<const std::byte>> pieces) {
  unsent left(pieces);
  co_await wait_for_turn();
  sending turn(*this);
  while (left.size()) {
    if (left.size() < large_write)
      push(left);
    else
      co_await push_on_pool(left);
    co_await send_out();
  }
  turn.finish();
}

} // namespace

task<std::unique_ptr<byte_stream>>
make_tls_stream(io::runtime& rt, io::socket connected, std::unique_ptr<SSL, free_ssl> ssl) {
  auto stream = std::make_unique<tls_stream>(rt, std::move(connected), std::move(ssl));
  co_await stream->shake_hands();
  co_return stream;
}

} // namespace wale::http
