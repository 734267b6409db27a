// Trust and sessions.
#include "tls_context.hpp"

#include <wale/base/error.hpp>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <array>
#include <exception>
#include <netinet/in.h>

namespace wale::http {
namespace {

bool is_address(const std::string& host) {
  in6_addr any;
  return ::inet_pton(AF_INET, host.c_str(), &any) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

[[noreturn]] void cannot_load(const std::string& what) {
  throw failure(
      kind::configuration,
      "the trusted certificates cannot be read",
      what + ": " + last_tls_error(),
      "Look at WALE_CA_FILE, SSL_CERT_FILE and SSL_CERT_DIR.");
}

} // namespace

std::string last_tls_error() {
  std::string text = "unknown reason";
  while (const unsigned long error = ERR_get_error()) {
    const char* const reason = ERR_reason_error_string(error);
    if (reason) text = reason;
  }
  return text;
}

tls_context::tls_context(std::string ca_file, std::string ca_directory)
    : ca_file_(std::move(ca_file)), ca_directory_(std::move(ca_directory)) {}

task<> tls_context::prepare(io::runtime& rt) {
  while (making_)
    co_await made_.wait();
  if (context_) co_return;
  making_ = true;
  std::exception_ptr error;
  const auto job = [this] { load(); };
  try {
    co_await rt.offload(job);
  } catch (...) {
    error = std::current_exception();
  }
  making_ = false;
  made_.notify_all();
  if (error) std::rethrow_exception(error);
}

void tls_context::load() {
  std::unique_ptr<SSL_CTX, free_ssl> context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw failure(kind::bug, "OpenSSL cannot be used", last_tls_error());
  SSL_CTX* const c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(c, &tls_context::keep_session);
  if (!ca_file_.empty() && SSL_CTX_load_verify_file(c, ca_file_.c_str()) != 1)
    cannot_load("\"" + ca_file_ + "\"");
  std::string directory = ca_directory_;
  if (ca_file_.empty() && directory.empty()) directory = X509_get_default_cert_dir();
  if (!directory.empty() && SSL_CTX_load_verify_dir(c, directory.c_str()) != 1)
    cannot_load("\"" + directory + "\"");
  context_ = std::move(context);
}

// TLS 1.3 sends sessions after the handshake, several perhaps: the last is the one to resume.
int tls_context::keep_session(SSL* ssl, SSL_SESSION* fresh) {
  static_cast<session*>(SSL_get_app_data(ssl))->reset(fresh);
  return 1;
}

std::unique_ptr<SSL, free_ssl> tls_context::make(const origin& to) {
  std::unique_ptr<SSL, free_ssl> ssl(SSL_new(context_.get()));
  if (!ssl) throw failure(kind::bug, "OpenSSL cannot be used", last_tls_error());
  X509_VERIFY_PARAM* const verification = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(verification, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address(to.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(verification, to.host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(verification, to.host.data(), to.host.size());
    // SSL_set_tlsext_host_name() without its cast.
    SSL_ctrl(
        ssl.get(),
        SSL_CTRL_SET_TLSEXT_HOSTNAME,
        TLSEXT_NAMETYPE_host_name,
        const_cast<char*>(to.host.c_str()));
  }
  session& last = sessions_[to.text()];
  SSL_set_app_data(ssl.get(), &last);
  if (last) SSL_set_session(ssl.get(), last.get());
  SSL_set_connect_state(ssl.get());
  return ssl;
}

} // namespace wale::http
