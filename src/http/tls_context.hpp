#pragma once
// OpenSSL's context: whom to trust, and the sessions that later connections resume. Made when first
// needed, on the CPU pool: it costs milliseconds.

#include <wale/http/url.hpp>
#include <wale/io/event.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>

namespace wale::http {

struct free_ssl {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};

class tls_context {
public:
  /// Both empty: OpenSSL's own directory of hashed certificates, of which only those needed are
  /// read. A file is read whole, which costs 20 ms for a system's bundle, so only if configured.
  tls_context(std::string ca_file, std::string ca_directory);
  tls_context(const tls_context&) = delete;
  tls_context& operator=(const tls_context&) = delete;

  /// Throws kind::configuration if the trust cannot be loaded.
  task<> prepare(io::runtime& rt);

  /// For one connection to this origin, after prepare(): verifies chain and host name or address,
  /// tells names by SNI, resumes the origin's last session.
  std::unique_ptr<SSL, free_ssl> make(const origin& to);

private:
  using session = std::unique_ptr<SSL_SESSION, free_ssl>;
  void load();
  static int keep_session(SSL* ssl, SSL_SESSION* fresh);

  std::string ca_file_;
  std::string ca_directory_;
  std::unique_ptr<SSL_CTX, free_ssl> context_;
  bool making_ = false;
  io::event made_;
  std::map<std::string, session> sessions_; ///< by origin; connections point into it
};

/// The newest entry of OpenSSL's error queue for people, which is emptied.
std::string last_tls_error();

} // namespace wale::http
