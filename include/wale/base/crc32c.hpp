#pragma once
// CRC-32C (Castagnoli; RFC 3720, section 12.1), which Google Cloud Storage keeps of every object.

#include <cstddef>
#include <cstdint>
#include <span>

namespace wale {

/// Of `bytes`, behind others whose sum is `before`.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// The same without the processor's instruction for it; for machines that lack it.
std::uint32_t crc32c_by_table(std::span<const std::byte> bytes, std::uint32_t before = 0);

} // namespace wale
