#pragma once
// TLS over a socket. OpenSSL works on memory: records are encrypted into a buffer that one system
// call sends, so that many of them cost as little as one.

#include "byte_stream.hpp"
#include "tls_context.hpp"

namespace wale::http {

/// Shakes hands. Throws kind::configuration if the certificate does not verify, else
/// kind::unavailable. `ssl` is of tls_context::make, which outlives the stream.
task<std::unique_ptr<byte_stream>>
make_tls_stream(io::runtime& rt, io::socket connected, std::unique_ptr<SSL, free_ssl> ssl);

} // namespace wale::http
