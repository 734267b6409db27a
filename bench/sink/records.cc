#include "records.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>

namespace sink {
namespace {

constexpr int tag_size = 16;
constexpr std::size_t fragment_limit = 16U << 10;           // RFC 8446, 5.1
constexpr std::size_t payload_limit = fragment_limit + 256; // 5.2
constexpr std::size_t overhead = 5 + 1 + tag_size;          // header, type, tag
constexpr std::size_t leaving_limit = 16 * (fragment_limit + overhead);
constexpr unsigned char application_data = 23, alert = 21; // appendix B.1

void demand(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

template <class Bytes> int length_of(const Bytes& bytes) {
  return static_cast<int>(bytes.size());
}

// HKDF-Expand-Label (RFC 8446, 7.1) with an empty context.
template <std::size_t Size>
std::array<unsigned char, Size> expand(const std::string& secret, std::string label) {
  struct freed {
    void operator()(EVP_KDF* k) const { EVP_KDF_free(k); }
    void operator()(EVP_KDF_CTX* c) const { EVP_KDF_CTX_free(c); }
  };
  const std::unique_ptr<EVP_KDF, freed> method(EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr));
  demand(method != nullptr, "OpenSSL has no TLS13-KDF");
  const std::unique_ptr<EVP_KDF_CTX, freed> context(EVP_KDF_CTX_new(method.get()));
  std::string key = secret, prefix = "tls13 ", mode = "EXPAND_ONLY", digest = "SHA256";
  const OSSL_PARAM chosen[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode.data(), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label.data(), label.size()),
      OSSL_PARAM_construct_end()};
  std::array<unsigned char, Size> made{};
  demand(EVP_KDF_derive(context.get(), made.data(), made.size(), chosen) == 1, "TLS13-KDF");
  return made;
}

std::string bytes_of(const std::string& hex) {
  long size = 0;
  unsigned char* const bytes = OPENSSL_hexstr2buf(hex.c_str(), &size);
  demand(bytes != nullptr, "a secret that is not hexadecimal");
  std::string made(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return made;
}

// All `size` bytes; with MSG_TRUNC they are only taken off the connection. False at its end.
bool receive(int socket, void* to, std::size_t size, int flags) {
  const ssize_t got = recv(socket, to, size, MSG_WAITALL | flags);
  if (got < 0) throw std::system_error(errno, std::generic_category(), "recv");
  if (got == 0) return false;
  demand(static_cast<std::size_t>(got) == size, "the connection ended in a record");
  return true;
}

} // namespace

record_layer::protection::protection(const std::string& secret, bool encrypts)
    : cipher(EVP_CIPHER_CTX_new()) {
  const std::string traffic = bytes_of(secret);
  const auto key = expand<16>(traffic, "key");
  iv = expand<12>(traffic, "iv");
  const auto* const aes = EVP_aes_128_gcm();
  const int way = encrypts ? 1 : 0;
  const bool is_ready =
      cipher && EVP_CipherInit_ex(cipher.get(), aes, nullptr, key.data(), nullptr, way) == 1;
  demand(is_ready, "AES-128-GCM");
}

// Section 5.3.
record_layer::nonce record_layer::protection::next_nonce() {
  nonce made = iv;
  for (std::size_t i = 0; i < 8; ++i)
    made[made.size() - 1 - i] ^= static_cast<unsigned char>(sequence >> (8 * i));
  ++sequence;
  return made;
}

record_layer::record_layer(int socket, const secrets& agreed)
    : socket_(socket), in_(agreed.of_client, false), out_(agreed.of_server, true),
      leaving_(std::make_unique_for_overwrite<unsigned char[]>(leaving_limit)) {
  out_.sequence = tickets;
}

const std::optional<record_layer::header>& record_layer::peek() {
  header next{};
  if (!header_ && receive(socket_, next.data(), next.size(), 0)) {
    header_ = next;
    const std::size_t size = payload_size();
    demand(
        next[0] == application_data && size > tag_size && size <= payload_limit,
        "not a protected record");
  }
  return header_;
}

std::size_t record_layer::payload_size() const {
  return std::size_t{(*header_)[3]} << 8 | (*header_)[4];
}

std::string record_layer::decrypt(const std::string& payload) {
  const nonce once = in_.next_nonce();
  const auto* const from = reinterpret_cast<const unsigned char*>(payload.data());
  const std::size_t size = payload.size() - tag_size;
  std::string plain(size, '\0');
  std::string tag = payload.substr(size);
  auto* const to = reinterpret_cast<unsigned char*>(plain.data());
  int done = 0;
  EVP_CIPHER_CTX* const c = in_.cipher.get();
  const bool is_authentic =
      EVP_DecryptInit_ex(c, nullptr, nullptr, nullptr, once.data()) == 1 &&
      EVP_DecryptUpdate(c, nullptr, &done, header_->data(), length_of(*header_)) == 1 &&
      EVP_DecryptUpdate(c, to, &done, from, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(c, nullptr, &done) == 1;
  demand(is_authentic, "a record that was not meant for this connection");
  return plain;
}

// Straight into what leaves next: header, the fragment and its type under one tag.
void record_layer::encrypt(std::string_view fragment) {
  const nonce once = out_.next_nonce();
  const std::size_t payload = fragment.size() + 1 + tag_size;
  const header h{
      application_data,
      3,
      3,
      static_cast<unsigned char>(payload >> 8),
      static_cast<unsigned char>(payload & 0xff)};
  unsigned char* const to = std::ranges::copy(h, leaving_.get() + leaving_size_).out;
  leaving_size_ += h.size() + payload;
  const auto* const from = reinterpret_cast<const unsigned char*>(fragment.data());
  int done = 0;
  EVP_CIPHER_CTX* const c = out_.cipher.get();
  const bool is_sealed =
      EVP_EncryptInit_ex(c, nullptr, nullptr, nullptr, once.data()) == 1 &&
      EVP_EncryptUpdate(c, nullptr, &done, h.data(), length_of(h)) == 1 &&
      EVP_EncryptUpdate(c, to, &done, from, length_of(fragment)) == 1 &&
      EVP_EncryptUpdate(c, to + fragment.size(), &done, &application_data, 1) == 1 &&
      EVP_EncryptFinal_ex(c, nullptr, &done) == 1 &&
      EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, tag_size, to + fragment.size() + 1) == 1;
  demand(is_sealed, "AES-128-GCM");
}

void record_layer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view fragment = bytes.substr(0, fragment_limit);
    if (leaving_size_ + fragment.size() + overhead > leaving_limit) flush();
    encrypt(fragment);
    bytes.remove_prefix(fragment.size());
  }
}

void record_layer::flush() {
  for (std::size_t done = 0; done < leaving_size_;) {
    const ssize_t sent = send(socket_, leaving_.get() + done, leaving_size_ - done, MSG_NOSIGNAL);
    if (sent < 0) throw std::system_error(errno, std::generic_category(), "send");
    done += static_cast<std::size_t>(sent);
  }
  leaving_size_ = 0;
}

std::string record_layer::next() {
  if (!peek()) return {};
  std::string payload(payload_size(), '\0');
  demand(receive(socket_, payload.data(), payload.size(), 0), "the connection ended in a record");
  std::string plain = decrypt(payload);
  header_.reset();
  plain.resize(plain.find_last_not_of('\0') + 1); // padding, section 5.4
  demand(!plain.empty(), "a record without a type");
  const auto type = static_cast<unsigned char>(plain.back());
  plain.pop_back();
  if (type == alert) return {};
  demand(type == application_data && !plain.empty(), "a record that the sink does not know");
  return plain;
}

// A record that is not decrypted is taken for one without padding: clients here have none.
std::uint64_t record_layer::skip(std::uint64_t most) {
  std::uint64_t skipped = 0;
  while (skipped < most && peek()) {
    const std::size_t held = payload_size() - tag_size - 1;
    if (held > most - skipped) break;
    demand(
        receive(socket_, nullptr, payload_size(), MSG_TRUNC), "the connection ended in a record");
    header_.reset();
    ++in_.sequence;
    skipped += held;
  }
  return skipped;
}

} // namespace sink
