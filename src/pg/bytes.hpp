#pragma once
// Numbers in PostgreSQL's own files, written by a little-endian machine.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace wale::pg {

/// The caller has checked that `offset + sizeof(Number)` lies inside `bytes`.
template <std::unsigned_integral Number>
Number little_endian(std::span<const std::byte> bytes, std::size_t offset) {
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(Number); i-- > 0;)
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[offset + i]);
  return static_cast<Number>(value);
}

} // namespace wale::pg
