// Certificates of the test run: P-256 keys, valid from an hour ago for a day.
#include "test_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <stdlib.h>
#include <unistd.h>

namespace wale::test {
namespace {

template <auto Free> struct freeing {
  template <class T> void operator()(T* object) const noexcept { Free(object); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freeing<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freeing<X509_free>>;

void check(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string("test certificates: ") + what);
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, freeing<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  check(extension && X509_add_ext(certificate, extension.get(), -1), "extension");
}

certificate_ptr make_certificate(const char* name, EVP_PKEY* key, long serial) {
  certificate_ptr c(X509_new());
  X509_set_version(c.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(c.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(c.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(c.get()), 86400);
  X509_set_pubkey(c.get(), key);
  const auto* text = reinterpret_cast<const unsigned char*>(name);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(c.get()), "CN", MBSTRING_ASC, text, -1, -1, 0);
  return c;
}

struct authority {
  explicit authority(const char* name) : key(EVP_EC_gen("P-256")) {
    certificate = make_certificate(name, key.get(), 1);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(
        certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "sign");
  }

  certificate_ptr issue(const char* names, EVP_PKEY* for_key, long serial) const {
    certificate_ptr c = make_certificate("scripted peer", for_key, serial);
    X509_set_issuer_name(c.get(), X509_get_subject_name(certificate.get()));
    add_extension(c.get(), certificate.get(), NID_subject_alt_name, names);
    add_extension(c.get(), certificate.get(), NID_ext_key_usage, "serverAuth");
    check(X509_sign(c.get(), key.get(), EVP_sha256()) > 0, "sign");
    return c;
  }

  key_ptr key;
  certificate_ptr certificate;
};

const authority& trusted() {
  static const authority ours("wal-e test authority");
  return ours;
}

const authority& stranger() {
  static const authority theirs("nobody's authority");
  return theirs;
}

/// Removed when the program ends.
struct pem_file {
  pem_file() {
    path = std::filesystem::temp_directory_path().string() + "/wale-test-ca-XXXXXX";
    const int fd = ::mkstemp(path.data());
    check(fd >= 0, "mkstemp");
    std::FILE* const file = ::fdopen(fd, "w");
    PEM_write_X509(file, trusted().certificate.get());
    std::fclose(file);
  }
  pem_file(const pem_file&) = delete;
  pem_file& operator=(const pem_file&) = delete;
  ~pem_file() { ::unlink(path.c_str()); }
  std::string path;
};

} // namespace

const std::string& ca_file() {
  static const pem_file file;
  return file.path;
}

std::string hashed_ca_name() {
  char name[16];
  std::snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(trusted().certificate.get()));
  return name;
}

ssl_context server_context(certificate which, int newest) {
  const authority& issuer = which == certificate::unknown_ca ? stranger() : trusted();
  const bool wrong = which == certificate::wrong_name;
  const char* const names = wrong ? "DNS:wrong.example" : "DNS:localhost,IP:127.0.0.1,IP:::1";
  const key_ptr key(EVP_EC_gen("P-256"));
  const certificate_ptr own = issuer.issue(names, key.get(), 2);
  ssl_context context(SSL_CTX_new(TLS_server_method()));
  check(context != nullptr, "context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), newest);
  check(SSL_CTX_use_certificate(context.get(), own.get()) == 1, "certificate");
  check(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "key");
  const unsigned char id[] = "scripted peer";
  SSL_CTX_set_session_id_context(context.get(), id, sizeof id - 1);
  return context;
}

} // namespace wale::test
