#pragma once
// The sink's TLS: a context with a key and a certificate made at start, and the certificate as a
// file that clients take for their CA.

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace sink {

template <auto Free> struct freed_by {
  void operator()(auto* p) const { Free(p); }
};
using tls_context = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;

/// For localhost, 127.0.0.1 and ::1. Writes the certificate to `ca_file` as PEM. Each connection's
/// app data must be a record_layer::secrets, which its handshake fills.
tls_context make_tls_context(const std::string& ca_file);

} // namespace sink
