#pragma once
// HTTP/1.1 exchanges with origin servers (RFC 9110, RFC 9112), over plain TCP or TLS, directly or
// through a proxy. One attempt at each exchange: repeating is the caller's affair.
//
// Connections are leased: one that ended a clean exchange is kept for the next exchange with the
// same origin, all others are closed. A kept connection that turns out to be dead before one byte
// of the answer came is replaced by a new one, once, within the exchange: this is not a repetition
// that a server could have seen, or the request is idempotent.
//
// Everything that goes wrong on the way throws kind::unavailable and names the origin, the phase
// and what was seen; a certificate that does not verify throws kind::configuration. A status is
// never a failure here: the caller reads it. What a refusal repeats of the request's credentials is
// `***` when the caller gets it.

#include <wale/http/message.hpp>
#include <wale/http/url.hpp>
#include <wale/io/block.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace wale::http {

/// How long to wait, at most, for each step of an exchange.
struct deadlines {
  std::chrono::milliseconds connect{10'000};    ///< name look-up and connect, all addresses
  std::chrono::milliseconds tls{10'000};        ///< handshake, also that of a proxy
  std::chrono::milliseconds first_byte{60'000}; ///< from the last byte sent to the answer's head
  std::chrono::milliseconds idle{30'000};       ///< between two bytes, in either direction
  std::chrono::milliseconds exchange{900'000};  ///< all of it
};

struct client_options {
  http::deadlines deadlines = {};
  /// Trust. All empty: SSL_CERT_DIR's and OpenSSL's own hashed directory, as options_from()
  /// says.
  std::string ca_file = {};
  std::string ca_directory = {};
  /// Proxies: `http://[user:password@]host[:port]`, empty for none.
  std::string http_proxy = {};
  std::string https_proxy = {};
  /// Hosts that are reached directly: a comma list of names, `.suffixes`, addresses, `*`.
  std::string no_proxy = {};
  std::size_t largest_head = 64 * 1024; ///< of an answer
  std::size_t largest_error_body = 1024 * 1024;
};

/// WALE_CA_FILE, SSL_CERT_FILE, SSL_CERT_DIR, HTTPS_PROXY, HTTP_PROXY, NO_PROXY (also in lower
/// case; HTTP_PROXY in upper case is ignored where REQUEST_METHOD is set), WALE_CONNECT_TIMEOUT,
/// WALE_TLS_TIMEOUT, WALE_FIRST_BYTE_TIMEOUT, WALE_IDLE_TIMEOUT, WALE_EXCHANGE_TIMEOUT in seconds.
/// `look_up` answers nullopt for an unset variable.
using variable_lookup = std::function<std::optional<std::string>(const std::string& name)>;
client_options options_from(const variable_lookup& look_up);

/// An answer whose body fits into memory.
struct reply : response {
  std::string body;
};

/// An answer whose body is a stream. Close it on every path; closing it before its end drops the
/// connection.
struct streamed_reply : response {
  /// Not null if the caller's test of the head said so; else `error_body` holds the whole body.
  std::unique_ptr<io::source> body;
  std::optional<std::uint64_t> length; ///< of the body, if the head tells it
  std::string error_body;
};

/// How one exchange differs from the others.
struct exchange_options {
  /// Sends the head first and the body after `100 Continue`, after one second, or never if the
  /// server refuses. Left out on a connection that has answered before, and for servers known not
  /// to answer it.
  bool expect_continue = false;
  /// Never through a proxy (metadata endpoints).
  bool direct = false;
  /// Shorter than the client's own where set.
  std::optional<std::chrono::milliseconds> limit = {};
  std::optional<std::chrono::milliseconds> connect_limit = {};
};

class client {
public:
  client(io::runtime& rt, client_options options);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// One exchange, its answer's body read whole; longer than `largest` is a failure.
  task<reply> perform(
      origin to, request what, exchange_options how = {}, std::size_t largest = 16 * 1024 * 1024);

  /// One exchange whose body, if the status is 200 or 206, becomes a source of blocks of `budget`,
  /// which must outlive it. A body that is shorter than promised is a failure of next(). With any
  /// other status the body is read whole into `error_body`.
  task<streamed_reply>
  open(origin to, request what, io::block_budget& budget, exchange_options how = {});

  /// Makes the TLS context now, on the CPU pool, while the caller does something else.
  task<> warm_up(origin to);

  /// Closes the kept connections; none may be leased.
  task<> close();

  /// Seconds that the origin's clock was ahead of ours by its last Date header; for signing.
  /// nullopt before the first answer.
  std::optional<std::chrono::seconds> clock_offset(const origin& of) const;

  /// What the bodies given out share with it; private to this layer.
  struct state;

private:
  std::unique_ptr<state> state_;
};

} // namespace wale::http
