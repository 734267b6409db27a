#pragma once
// Heads of HTTP/1.1 messages: ours as bytes, theirs as values. Framed by Boost.Beast; which body
// follows, and whether the connection can be used again, is decided here (RFC 9112, 6 and 9). Pure.

#include <wale/http/message.hpp>
#include <wale/http/url.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace wale::http {

/// How the end of a body is found.
struct body_framing {
  enum class by { nothing, length, chunks, close } what = by::nothing;
  std::uint64_t length = 0;
};

struct answer_head : response {
  body_framing framing;
  bool keeps_alive = false; ///< the server will take another request on this connection
};

/// What differs from the request as the caller wrote it.
struct head_form {
  bool absolute = false; ///< the whole URL as target, for proxies (RFC 9112, 3.2.2)
  bool expect_continue = false;
  std::string proxy_authorization = {};
};

/// Throws kind::bug for a request that cannot be written as a head, kind::configuration for a field
/// value that would break out of it; neither shows the value.
std::string write_head(const request& what, const origin& to, const head_form& form);

/// `CONNECT host:port` (RFC 9110, 9.3.6).
std::string write_connect(const origin& to, const std::string& proxy_authorization);

/// The size of the head that `bytes` begin with, through its blank line; 0 if it is not whole.
/// `searched` bytes are known not to hold its end.
std::size_t head_size(std::span<const std::byte> bytes, std::size_t searched);

/// A whole head. Throws kind::unavailable, without context, if it is malformed or leaves open where
/// its body ends.
answer_head parse_head(std::span<const std::byte> head, bool of_head_request);

} // namespace wale::http
