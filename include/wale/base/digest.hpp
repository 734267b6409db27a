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

/// 64 lower-case hexadecimal digits.
std::string to_hex(const sha256_value& v);
std::optional<sha256_value> sha256_from_hex(std::string_view text);

} // namespace wale
