#pragma once
// SHA-256, the identity of a WAL segment's plain bytes (docs/format.md "Digest").

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wale {

using sha256_value = std::array<std::byte, 32>;

/// Incremental SHA-256. Not thread-safe; may be used by one thread after the other.
class sha256 {
public:
  sha256();
  ~sha256();
  sha256(sha256&&) noexcept;
  sha256& operator=(sha256&&) noexcept;

  void update(std::span<const std::byte> bytes);
  /// Ends the computation; update must not be called afterwards.
  sha256_value finish();

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// HMAC-SHA256 (RFC 2104): what signs requests to S3 and Azure.
sha256_value hmac_sha256(std::string_view key, std::string_view text);

/// What stores compare an object with when it arrives. Not for security.
std::array<std::byte, 16> md5(std::string_view text);
/// The same of pieces in a row.
std::array<std::byte, 16> md5(std::span<const std::span<const std::byte>> pieces);

/// Reads OpenSSL's configuration, which MD5, RSA and TLS need and would read at their first use:
/// a millisecond, better spent on another thread meanwhile.
void prepare_crypto();

/// Two lower-case hexadecimal digits for each byte.
std::string to_hex(std::span<const std::byte> bytes);
std::optional<sha256_value> sha256_from_hex(std::string_view text);

} // namespace wale
