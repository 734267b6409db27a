#pragma once
// Numbers of the lzop format, as in lzop 1.04 (conf.h, lzop.c) and seen in its output.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace wale::archive::lzop_format {

inline constexpr std::array<std::byte, 9> magic{
    std::byte{0x89},
    std::byte{'L'},
    std::byte{'Z'},
    std::byte{'O'},
    std::byte{0x00},
    std::byte{0x0d},
    std::byte{0x0a},
    std::byte{0x1a},
    std::byte{0x0a}};

inline constexpr std::uint16_t version = 0x1040;
inline constexpr std::uint16_t library_version = 0x20a0;
inline constexpr std::uint16_t version_needed = 0x0940;
/// Older headers lack fields.
inline constexpr std::uint16_t oldest_version = 0x0940;

/// Three compressors, one decompressor.
enum method : std::uint8_t { lzo1x_1 = 1, lzo1x_1_15 = 2, lzo1x_999 = 3 };
/// What lzop writes into the header for -2 to -6.
inline constexpr std::uint8_t level = 5;

enum flag : std::uint32_t {
  adler32_plain = 0x1,
  adler32_stored = 0x2,
  from_stdin = 0x4,
  to_stdout = 0x8,
  extra_field = 0x40,
  crc32_plain = 0x100,
  crc32_stored = 0x200,
  multipart = 0x400,
  filter = 0x800,
  header_crc32 = 0x1000,
  reserved = 0x000fc000,
  unix_system = 0x03000000,

  plain_checksums = adler32_plain | crc32_plain,
  stored_checksums = adler32_stored | crc32_stored,
};

inline constexpr std::uint32_t filter_limit = 16;
/// The largest block that lzop itself accepts.
inline constexpr std::uint32_t block_limit = 64 * 1024 * 1024;
/// In place of a plain size: the first half of a split file.
inline constexpr std::uint32_t split_mark = 0xffffffff;

/// Writes the low `n` bytes of `value`, big-endian, and returns what follows them.
std::byte* put(std::byte* to, std::uint64_t value, std::size_t n) noexcept;
/// All of `bytes`, big-endian.
std::uint32_t get(std::span<const std::byte> bytes) noexcept;

/// Throws kind::corrupt.
[[noreturn]] void corrupt(std::string detail);
std::string hex(std::uint32_t value);

} // namespace wale::archive::lzop_format
