#pragma once
// A server for tests: plain TCP or TLS on a loopback address, a thread for each connection, each of
// which runs a script. A script says byte by byte what happens, or is made of a handler that gets
// parsed requests and gives answers, with faults where wanted. Blocking sockets and nothing of the
// program under test, so that it shares none of its mistakes.
//
// Scripts and handlers run on the peer's threads: no Catch2 assertions in them.

#include "support/test_certificates.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wale::test {

/// Shut until somebody opens it; then for good.
class gate {
public:
  void open();
  bool is_open() const;
  /// True once it is open, false after `patience`.
  bool wait_for(std::chrono::milliseconds patience) const;

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable opened_;
  bool open_ = false;
};

using header_list = std::vector<std::pair<std::string, std::string>>;

struct received_request {
  std::size_t connection = 0; ///< number of the connection, from 0
  std::string server_name;    ///< that the TLS handshake asked for (SNI), empty if none
  std::string method;
  std::string target;
  header_list headers;
  std::string body;
  bool complete = false; ///< the whole body arrived
  /// The first of that name in any case, empty if there is none.
  std::string header(std::string_view name) const;
  bool has_header(std::string_view name) const;
};

struct answer {
  int status = 200;
  header_list headers = {}; ///< Content-Length or Transfer-Encoding are added if not here
  std::string body = {};
  bool chunked = false;
  bool unframed = false; ///< neither length nor chunks: the end of the connection is the body's
  std::size_t piece = 64 * 1024;     ///< bytes of the body sent at once, and of a chunk
  std::chrono::milliseconds pause{}; ///< before each piece
  std::shared_ptr<gate> after = {};  ///< opened before the answer begins
  /// Sends only so many bytes of the body, as it is framed, then ends the connection.
  std::optional<std::size_t> cut_body_at = {};
  bool nothing = false; ///< no answer at all; ends the connection
  /// What ends the connection is a reset, not a close.
  bool reset = false;
  /// Ends the connection after the whole answer, saying so (`Connection: close`) or not.
  bool close = false;
  bool close_silently = false;
};

/// One accepted connection, as a script sees it. Calls on a dead one do nothing and give nothing.
class peer_connection {
public:
  virtual ~peer_connection() = default;
  virtual std::size_t number() const = 0;
  /// Through the blank line; empty if the stream ends before.
  virtual std::string read_head() = 0;
  /// Exactly `n` bytes, fewer at the end.
  virtual std::string read(std::size_t n) = 0;
  /// Head and body, which is recorded; nullopt at the end. `on_head` may answer before the body is
  /// read, which is then left where it is. Says `100 Continue` if it is expected.
  virtual std::optional<received_request>
  read_request(const std::function<bool(const received_request&)>& on_head = {}) = 0;
  /// False once the connection is dead.
  virtual bool send(std::string_view bytes) = 0;
  /// A handshake as server, for scripts that begin as a proxy. False if it failed.
  virtual bool start_tls() = 0;
  /// TLS 1.3: sends under new keys from now on, and asks for the same. False if it failed.
  virtual bool renew_keys() = 0;
  virtual bool
  drip(std::string_view bytes, std::chrono::milliseconds pause, std::size_t piece = 1) = 0;
  /// False if the connection is to be ended.
  virtual bool send_answer(const answer& a, bool is_head_request = false) = 0;
  /// Until the gate opens or the peer ends.
  virtual void wait(const gate& g) = 0;
  /// Until the client closes or the peer ends; what arrives is dropped.
  virtual void wait_for_end() = 0;
  /// Neither reads nor sends until the peer ends.
  virtual void stall() = 0;
  /// Ends the connection by RST.
  virtual void reset() = 0;
  virtual void close() = 0;
};

struct peer_state;

struct peer_options {
  bool tls = false;
  test::certificate certificate = certificate::good;
  int newest_tls = 0;
  bool ipv6 = false;      ///< ::1 instead of 127.0.0.1
  std::uint16_t port = 0; ///< 0: any
  int receive_buffer = 0; ///< SO_RCVBUF of accepted connections
};

class scripted_peer {
public:
  using script = std::function<void(peer_connection&)>;
  using handler = std::function<answer(const received_request&)>;
  /// Asked when a head has arrived; an answer refuses the request before its body is read.
  using refusal = std::function<std::optional<answer>(const received_request&)>;

  /// Answers every request on every connection.
  explicit scripted_peer(handler h, peer_options o = {}, refusal early = {});
  /// The n-th connection runs the n-th script, further ones the last. A connection is closed when
  /// its script has ended.
  explicit scripted_peer(std::vector<script> scripts, peer_options o = {});
  scripted_peer(const scripted_peer&) = delete;
  scripted_peer& operator=(const scripted_peer&) = delete;
  ~scripted_peer();

  std::uint16_t port() const noexcept;
  /// `http://127.0.0.1:port`, `https://[::1]:port`.
  std::string url() const;
  /// `127.0.0.1` or `::1`.
  std::string host() const;

  /// What arrived so far, in the order of the heads.
  std::vector<received_request> requests() const;
  /// Connections accepted so far, and those whose TLS session was resumed.
  std::size_t connections() const;
  std::size_t resumed() const;
  /// Connections that are still open on this side.
  std::size_t open_connections() const;
  /// Waits up to 10 s; false if it did not happen.
  bool wait_for_requests(std::size_t n) const;
  bool wait_for_connections(std::size_t n) const;
  bool wait_for_no_connection() const;

private:
  std::unique_ptr<peer_state> state_;
};

/// Bytes for bodies: `size` of them, hardly compressible, the same for the same seed.
std::string noise(std::size_t size, std::uint64_t seed = 1);

} // namespace wale::test
