#pragma once
// The lzop container and its codec: bytes in, bytes out, no I/O (docs/format.md "Compression").
//
// What is written is what `lzop -c` 1.04 writes from stdin to stdout: one member, method LZO1X-1 at
// level 5, blocks of at most 256 KiB, each with the Adler-32 of its plain bytes, incompressible
// blocks stored. Blocks do not depend on each other, therefore every function on blocks may run on
// any thread, several at once.
//
// What is read is all that lzop can write with blocks of at most 256 KiB, its only size unless it
// is recompiled: the three LZO1X methods, every checksum, filters, names and extra fields, members
// one after the other. Input is hostile: whatever is not right throws kind::corrupt with the block
// and the offset in DETAIL; plain bytes that do not match their checksum are never handed out.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wale::archive {

inline constexpr std::size_t lzop_block_limit = 256 * 1024;
inline constexpr std::size_t lzop_header_size = 38;
inline constexpr std::size_t lzop_block_head_size = 12;
/// The end of a member: a plain size of zero.
inline constexpr std::array<std::byte, 4> lzop_end{};

/// What the header tells about the plain file. WAL-E's WAL has the segment's, its partitions 0 and
/// the current time.
struct lzop_stamp {
  std::uint32_t mode = 0;  ///< st_mode
  std::uint64_t mtime = 0; ///< seconds since 1970
};
std::array<std::byte, lzop_header_size> lzop_header(const lzop_stamp& stamp);

/// One block as it is stored: `head`, then the first `size` bytes of the span that was encoded.
struct lzop_encoded {
  std::array<std::byte, lzop_block_head_size> head;
  std::size_t size;
};
/// Replaces 1 to lzop_block_limit plain bytes by what is stored for them, which is never more.
lzop_encoded lzop_encode(std::span<std::byte> plain);

/// The head of one block that was read.
struct lzop_block {
  std::uint64_t number; ///< counted from 0, over all members
  std::uint64_t offset; ///< of the head in the compressed stream
  std::uint32_t plain_size;
  std::uint32_t stored_size; ///< as large as plain_size: not compressed
  std::uint32_t filter;      ///< distance of lzop's delta filter, 0 without one
  std::optional<std::uint32_t> plain_adler32, plain_crc32, stored_adler32, stored_crc32;

  bool is_compressed() const noexcept { return stored_size < plain_size; }
};

/// Turns the stored bytes, in one or several pieces, into block.plain_size plain bytes. The first
/// piece of an uncompressed block may be the front of `plain` itself and is then not copied. A
/// compressed block's only piece must not overlap `plain`; several are joined elsewhere first.
void lzop_decode(
    const lzop_block& block,
    std::span<const std::span<const std::byte>> stored,
    std::span<std::byte> plain);

/// The structure of a compressed stream that arrives cut at any byte. Call
/// - next_block() with what has arrived: it takes bytes from the front of `input`, and returns
///   either a block or nothing, having taken all of them;
/// - take_stored() until the block's stored bytes are complete;
/// - finish() at the end of the stream.
/// After a throw it must not be used again.
class lzop_parser {
public:
  std::optional<lzop_block> next_block(std::span<const std::byte>& input);
  /// The bytes at the front of `input` that belong to the current block; takes them.
  std::span<const std::byte> take_stored(std::span<const std::byte>& input) noexcept;
  /// Stored bytes of the current block that were not taken yet.
  std::size_t stored_left() const noexcept { return stored_left_; }
  /// Throws unless the stream has ended where a member has, after at least one.
  void finish() const;

private:
  enum class part : std::uint8_t {
    between,
    fixed,
    variable,
    name,
    extra_size,
    extra,
    extra_checksum,
    plain_size,
    stored_size,
    checksums
  };

  bool step(std::span<const std::byte>& input);
  bool gather(std::span<const std::byte>& input, std::size_t size);
  void enter(part next) noexcept;
  std::size_t size_of_part() const noexcept;
  void read_part();
  void read_magic();
  void read_fixed();
  void read_variable();
  void read_name();
  bool skip_extra(std::span<const std::byte>& input);
  void read_plain_size();
  void read_stored_size();
  void read_checksums();

  void begin_checksum() noexcept;
  void add_to_checksum(std::span<const std::byte> bytes) noexcept;
  void verify_checksum(std::span<const std::byte> stored, const char* of) const;
  [[noreturn]] void fail(const std::string& what) const;

  part part_ = part::between;
  std::vector<std::byte> pending_; ///< of the current part, never more than 300 bytes
  std::uint64_t offset_ = 0;       ///< bytes taken so far
  std::uint64_t members_ = 0;      ///< that have ended
  std::uint64_t blocks_ = 0;
  std::uint32_t flags_ = 0;
  std::uint32_t filter_ = 0;
  std::size_t name_size_ = 0;
  std::uint32_t extra_left_ = 0;
  std::uint32_t checksum_ = 0; ///< running, of the header or the extra field
  lzop_block block_{};
  bool block_is_complete_ = false;
  std::size_t stored_left_ = 0;
};

} // namespace wale::archive
