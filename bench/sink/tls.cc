// One self-signed P-256 certificate per start: made in a millisecond, so nothing is kept.
#include "tls.hpp"

#include "records.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>
#include <string_view>

namespace sink {
namespace {

using certificate = std::unique_ptr<X509, freed_by<X509_free>>;
using private_key = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;

void demand(bool done, const char* what) {
  if (done) return;
  throw std::runtime_error(std::string(what) + ": " + ERR_error_string(ERR_get_error(), nullptr));
}

void extend(X509* to, int nid, const char* value) {
  X509V3_CTX about;
  X509V3_set_ctx_nodb(&about);
  X509V3_set_ctx(&about, to, to, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &about, nid, value));
  demand(extension && X509_add_ext(to, extension.get(), -1) == 1, value);
}

certificate make_certificate(EVP_PKEY* key) {
  constexpr long day = 86'400;
  certificate made(X509_new());
  demand(made != nullptr, "certificate");
  X509* x = made.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -day); // clients may have another clock
  X509_gmtime_adj(X509_getm_notAfter(x), 30 * day);
  X509_set_pubkey(x, key);
  unsigned char name[] = "bench sink";
  X509_NAME* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(x, subject);
  extend(x, NID_basic_constraints, "critical,CA:TRUE");
  extend(x, NID_key_usage, "critical,digitalSignature,keyCertSign");
  extend(x, NID_ext_key_usage, "serverAuth");
  extend(x, NID_subject_key_identifier, "hash");
  extend(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  demand(X509_sign(x, key, EVP_sha256()) > 0, "signature of the certificate");
  return made;
}

// A line is a label, the client's random and the secret (draft-ietf-tls-keylogfile, section 2).
void hand_over_secret(const SSL* ssl, const char* line) {
  const std::string_view text = line;
  const auto secret = text.substr(text.rfind(' ') + 1);
  auto& agreed = *static_cast<record_layer::secrets*>(SSL_get_app_data(ssl));
  if (text.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) agreed.of_client = secret;
  if (text.starts_with("SERVER_TRAFFIC_SECRET_0 ")) agreed.of_server = secret;
}

} // namespace

tls_context make_tls_context(const std::string& ca_file) {
  const private_key key(EVP_EC_gen("P-256"));
  demand(key != nullptr, "key");
  const certificate own = make_certificate(key.get());

  const std::unique_ptr<std::FILE, freed_by<std::fclose>> file(std::fopen(ca_file.c_str(), "w"));
  demand(file && PEM_write_X509(file.get(), own.get()) == 1, ca_file.c_str());

  tls_context made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* c = made.get();
  demand(c != nullptr, "TLS context");
  demand(SSL_CTX_use_certificate(c, own.get()) == 1, "use of the certificate");
  demand(SSL_CTX_use_PrivateKey(c, key.get()) == 1, "use of the key");
  SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
  // AES-128 costs clients less than AES-256, which OpenSSL would take; README.md says so.
  demand(SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") == 1, "ciphers");
  SSL_CTX_set_keylog_callback(c, &hand_over_secret);
  SSL_CTX_set_num_tickets(c, record_layer::tickets);
  return made;
}

} // namespace sink
