// Digests by OpenSSL.
#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>

#define OPENSSL_SUPPRESS_DEPRECATED // of SHA256_*, see below
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

namespace wale {

// Not by EVP, whose first use reads OpenSSL's configuration and asks its providers: a millisecond
// of each wal-push, before the first byte is hashed. HMAC for the same reason: 1.3 ms of a push to
// S3.
struct sha256::state {
  SHA256_CTX context;
};

sha256::sha256() : state_(std::make_unique<state>()) {
  SHA256_Init(&state_->context);
}

sha256::~sha256() = default;
sha256::sha256(sha256&&) noexcept = default;
sha256& sha256::operator=(sha256&&) noexcept = default;

void sha256::update(std::span<const std::byte> bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

sha256_value sha256::finish() {
  sha256_value v;
  SHA256_Final(reinterpret_cast<unsigned char*>(v.data()), &state_->context);
  return v;
}

sha256_value hmac_sha256(std::string_view key, std::string_view text) {
  constexpr std::size_t block = SHA256_CBLOCK;
  std::array<std::byte, block> padded{};
  const std::span<const std::byte> given = std::as_bytes(std::span(key));
  if (given.size() > block) {
    sha256 shortened;
    shortened.update(given);
    std::ranges::copy(shortened.finish(), padded.begin());
  } else {
    std::ranges::copy(given, padded.begin());
  }
  const auto with_pad = [&padded](std::byte pad) {
    std::array<std::byte, block> k = padded;
    for (std::byte& b : k)
      b ^= pad;
    sha256 digest;
    digest.update(k);
    OPENSSL_cleanse(k.data(), k.size());
    return digest;
  };
  sha256 inner = with_pad(std::byte{0x36});
  inner.update(std::as_bytes(std::span(text)));
  sha256 outer = with_pad(std::byte{0x5c});
  outer.update(inner.finish());
  OPENSSL_cleanse(padded.data(), padded.size());
  return outer.finish();
}

void prepare_crypto() {
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
}

std::array<std::byte, 16> md5(std::string_view text) {
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  return md5(std::span(&piece, 1));
}

std::array<std::byte, 16> md5(std::span<const std::span<const std::byte>> pieces) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool works = context && EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) == 1;
  for (const std::span<const std::byte> piece : pieces)
    works = works && EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1;
  std::array<std::byte, 16> sum{};
  auto* const out = reinterpret_cast<unsigned char*>(sum.data());
  if (!works || EVP_DigestFinal_ex(context.get(), out, nullptr) != 1)
    throw failure(
        kind::unavailable,
        "MD5 is not available",
        "OpenSSL refused it.",
        "Is this machine in FIPS mode? S3 requires MD5 for removals, Swift for objects.");
  return sum;
}

std::string to_hex(std::span<const std::byte> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (std::byte b : bytes) {
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
