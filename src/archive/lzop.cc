// One block of lzop's: LZO1X, checksums and the delta filter.
#include "lzop_format.hpp"

#include <wale/archive/adler32.hpp>
#include <wale/archive/lzop.hpp>
#include <wale/base/error.hpp>

#include <lzo/lzo1x.h>

#include <cstring>
#include <memory>

namespace wale::archive {

namespace {

/// Memory of one thread, since a fresh mapping for each block would cost more than compressing it.
struct work_memory {
  alignas(16) std::byte dictionary[LZO1X_1_MEM_COMPRESS];
  /// LZO1X expands what it cannot compress by up to 1/16, 64 and 3 bytes (LZO.FAQ).
  alignas(64) std::byte buffer[lzop_block_limit + lzop_block_limit / 16 + 64 + 3];
};

work_memory& this_threads_memory() {
  static const bool ready = lzo_init() == LZO_E_OK;
  if (!ready) throw failure(kind::bug, "liblzo2 does not fit this program");
  thread_local const auto memory = std::make_unique_for_overwrite<work_memory>();
  return *memory;
}

const unsigned char* chars(const std::byte* p) {
  return reinterpret_cast<const unsigned char*>(p);
}
unsigned char* chars(std::byte* p) {
  return reinterpret_cast<unsigned char*>(p);
}

std::uint32_t crc32(std::span<const std::byte> bytes) {
  return lzo_crc32(0, chars(bytes.data()), bytes.size());
}

[[noreturn]] void fail(const lzop_block& block, const std::string& what) {
  lzop_format::corrupt(
      "Block " + std::to_string(block.number) + ", at byte " + std::to_string(block.offset) +
      " of the compressed stream: " + what);
}

void verify(
    const lzop_block& block,
    const std::optional<std::uint32_t>& expected,
    std::uint32_t (*checksum)(std::span<const std::byte>),
    std::span<const std::byte> bytes,
    const char* name) {
  if (!expected) return;
  const std::uint32_t seen = checksum(bytes);
  if (seen != *expected)
    fail(
        block,
        std::string(name) + " is " + lzop_format::hex(seen) + ", must be " +
            lzop_format::hex(*expected) + ".");
}

std::uint32_t plain_adler32(std::span<const std::byte> bytes) {
  return adler32(bytes);
}

/// The pieces behind each other in `to`.
std::span<const std::byte>
join(std::span<const std::span<const std::byte>> pieces, std::span<std::byte> to) {
  std::size_t size = 0;
  for (const auto& piece : pieces) {
    if (piece.data() != to.data() + size) std::memcpy(to.data() + size, piece.data(), piece.size());
    size += piece.size();
  }
  return to.first(size);
}

void expand(
    const lzop_block& block, std::span<const std::byte> stored, std::span<std::byte> plain) {
  verify(block, block.stored_adler32, plain_adler32, stored, "the Adler-32 of its stored bytes");
  verify(block, block.stored_crc32, crc32, stored, "the CRC-32 of its stored bytes");
  lzo_uint size = plain.size();
  const int result = lzo1x_decompress_safe(
      chars(stored.data()), stored.size(), chars(plain.data()), &size, nullptr);
  if (result != LZO_E_OK)
    fail(block, "not LZO1X data (liblzo2 error " + std::to_string(result) + ").");
  if (size != plain.size())
    fail(
        block,
        "holds " + std::to_string(size) + " bytes, must be " + std::to_string(plain.size()) + ".");
}

void undo_filter(std::span<std::byte> plain, std::size_t distance) {
  for (std::size_t i = distance; i < plain.size(); ++i)
    plain[i] = static_cast<std::byte>(
        std::to_integer<unsigned>(plain[i]) + std::to_integer<unsigned>(plain[i - distance]));
}

} // namespace

lzop_encoded lzop_encode(std::span<std::byte> plain) {
  work_memory& memory = this_threads_memory();
  const std::uint32_t checksum = adler32(plain);
  lzo_uint size = 0;
  lzo1x_1_compress(
      chars(plain.data()), plain.size(), chars(memory.buffer), &size, memory.dictionary);
  if (size < plain.size())
    std::memcpy(plain.data(), memory.buffer, size);
  else
    size = plain.size();

  lzop_encoded encoded;
  encoded.size = size;
  std::byte* at = lzop_format::put(encoded.head.data(), plain.size(), 4);
  at = lzop_format::put(at, size, 4);
  lzop_format::put(at, checksum, 4);
  return encoded;
}

void lzop_decode(
    const lzop_block& block,
    std::span<const std::span<const std::byte>> stored,
    std::span<std::byte> plain) {
  if (!block.is_compressed())
    join(stored, plain);
  else if (stored.size() == 1)
    expand(block, stored.front(), plain);
  else
    expand(block, join(stored, this_threads_memory().buffer), plain);
  if (block.filter != 0) undo_filter(plain, block.filter);
  verify(block, block.plain_adler32, plain_adler32, plain, "the Adler-32 of its plain bytes");
  verify(block, block.plain_crc32, crc32, plain, "the CRC-32 of its plain bytes");
}

} // namespace wale::archive
