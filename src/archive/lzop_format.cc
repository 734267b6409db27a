// The lzop header, and how its numbers and faults are spelled.
#include "lzop_format.hpp"

#include <wale/archive/adler32.hpp>
#include <wale/archive/lzop.hpp>
#include <wale/base/error.hpp>

#include <algorithm>

namespace wale::archive {

namespace lzop_format {

std::byte* put(std::byte* to, std::uint64_t value, std::size_t n) noexcept {
  for (std::size_t i = n; i-- > 0;)
    *to++ = static_cast<std::byte>(value >> (8 * i));
  return to;
}

std::uint32_t get(std::span<const std::byte> bytes) noexcept {
  std::uint32_t value = 0;
  for (std::byte b : bytes)
    value = value << 8 | std::to_integer<std::uint32_t>(b);
  return value;
}

void corrupt(std::string detail) {
  throw failure(kind::corrupt, "lzop data is corrupt", std::move(detail));
}

std::string hex(std::uint32_t value) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4)
    text += digits[value >> shift & 15];
  return text;
}

} // namespace lzop_format

std::array<std::byte, lzop_header_size> lzop_header(const lzop_stamp& stamp) {
  namespace format = lzop_format;
  std::array<std::byte, lzop_header_size> header;
  std::byte* const checked = std::copy(format::magic.begin(), format::magic.end(), header.data());
  std::byte* at = format::put(checked, format::version, 2);
  at = format::put(at, format::library_version, 2);
  at = format::put(at, format::version_needed, 2);
  at = format::put(at, format::lzo1x_1, 1);
  at = format::put(at, format::level, 1);
  constexpr std::uint32_t flags =
      format::unix_system | format::adler32_plain | format::from_stdin | format::to_stdout;
  at = format::put(at, flags, 4);
  at = format::put(at, stamp.mode, 4);
  at = format::put(at, stamp.mtime & 0xffffffff, 4);
  at = format::put(at, stamp.mtime >> 32, 4);
  at = format::put(at, 0, 1); // no name
  format::put(at, adler32({checked, at}), 4);
  return header;
}

} // namespace wale::archive
