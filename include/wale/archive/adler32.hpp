#pragma once
// Adler-32 (RFC 1950 section 8.2), the checksum of lzop's blocks. By isa-l where it was built in,
// three times as fast as the one of liblzo2 that is used otherwise.

#include <cstddef>
#include <cstdint>
#include <span>

namespace wale::archive {

/// Of `bytes`, or of everything up to `bytes` when `so_far` is the value of what came before.
std::uint32_t adler32(std::span<const std::byte> bytes, std::uint32_t so_far = 1) noexcept;

} // namespace wale::archive
