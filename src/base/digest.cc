// SHA-256 by OpenSSL's EVP interface.
#include <wale/base/digest.hpp>

#include <openssl/evp.h>

#include <new>

namespace wale {

struct sha256::state {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~state() { EVP_MD_CTX_free(context); }
};

sha256::sha256() : state_(std::make_unique<state>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}

sha256::~sha256() = default;
sha256::sha256(sha256&&) noexcept = default;
sha256& sha256::operator=(sha256&&) noexcept = default;

void sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

sha256_value sha256::finish() {
  sha256_value v;
  EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(v.data()), nullptr);
  return v;
}

std::string to_hex(const sha256_value& v) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * v.size());
  for (std::byte b : v) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::optional<sha256_value> sha256_from_hex(std::string_view text) {
  sha256_value v;
  if (text.size() != 2 * v.size()) return std::nullopt;
  const auto nibble = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < v.size(); ++i) {
    const int high = nibble(text[2 * i]);
    const int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    v[i] = static_cast<std::byte>(high * 16 + low);
  }
  return v;
}

} // namespace wale
