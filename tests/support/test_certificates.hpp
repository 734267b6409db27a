#pragma once
// A certificate authority of the test run and certificates of it, made with OpenSSL when first
// asked for.

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace wale::test {

struct free_ssl_context {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ssl_context = std::unique_ptr<SSL_CTX, free_ssl_context>;

enum class certificate {
  good,       ///< for localhost, 127.0.0.1 and ::1
  wrong_name, ///< of the same authority, for wrong.example
  unknown_ca, ///< for localhost, of an authority that nobody trusts
};

/// The authority's certificate as a PEM file; the same file through the whole run.
const std::string& ca_file();

/// The name of that file in a directory that OpenSSL searches (openssl-rehash(1)).
std::string hashed_ca_name();

/// A server's context; TLS 1.2 and later unless `newest` says TLS1_2_VERSION.
ssl_context server_context(certificate which, int newest = 0);

} // namespace wale::test
