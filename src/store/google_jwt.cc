#include "google_jwt.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/error.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>

namespace wale::store {
namespace {

struct release {
  void operator()(BIO* b) const { BIO_free(b); }
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};

[[noreturn]] void unusable(const std::string& why) {
  ERR_clear_error(); // its texts may tell of the key
  throw failure(
      kind::configuration,
      "a service account's private key cannot be used",
      why,
      "Take the file of credentials as Google made it; the key has line breaks, as \\n.");
}

// A key without a passphrase must not make OpenSSL ask for one.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::unique_ptr<EVP_PKEY, release> read_key(const secret& pem) {
  const std::string& text = pem.reveal();
  const std::unique_ptr<BIO, release> in(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::unique_ptr<EVP_PKEY, release> key(
      PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, nullptr));
  if (!key) unusable("It is no private key in PEM.");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) unusable("It is no RSA key.");
  return key;
}

std::string signature_of(std::string_view text, EVP_PKEY* key) {
  const std::unique_ptr<EVP_MD_CTX, release> context(EVP_MD_CTX_new());
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) != 1)
    unusable("OpenSSL does not sign with it.");
  std::string signature(size, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.get(), out, &size, bytes, text.size()) != 1)
    unusable("OpenSSL does not sign with it.");
  signature.resize(size);
  return signature;
}

} // namespace

std::string to_base64url(std::string_view bytes) {
  std::string text = to_base64(bytes);
  while (text.ends_with('='))
    text.pop_back();
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

std::string sign_rs256(std::string_view header, std::string_view payload, const secret& pem) {
  const auto key = read_key(pem);
  const std::string signing_input = to_base64url(header) + "." + to_base64url(payload);
  return signing_input + "." + to_base64url(signature_of(signing_input, key.get()));
}

} // namespace wale::store
