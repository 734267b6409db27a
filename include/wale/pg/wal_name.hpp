#pragma once
// Positions in the WAL, segments, and the names PostgreSQL hands to archive_command and
// restore_command. Pure: no files, no server.
//
// Sources: PostgreSQL's src/include/access/xlog_internal.h (names, page headers) and
// "Continuous Archiving" in its manual (what may be handed over).

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wale::pg {

/// A position in the WAL: bytes since its beginning.
struct lsn {
  std::uint64_t value = 0;
  friend auto operator<=>(const lsn&, const lsn&) = default;
};
/// `0/3000028`, as the server writes it.
std::string to_string(lsn position);
/// Reads what the server writes; nullopt for anything else.
std::optional<lsn> parse_lsn(std::string_view text);

struct timeline {
  std::uint32_t value = 0;
  friend auto operator<=>(const timeline&, const timeline&) = default;
};
/// Eight upper-case hexadecimal digits.
std::string to_hex(timeline tli);

/// A power of two from 1 MiB to 1 GiB; up to PostgreSQL 10 in practice 16 MiB.
class segment_size {
public:
  constexpr segment_size() noexcept = default;
  /// Throws kind::corrupt for any other number.
  explicit segment_size(std::uint64_t bytes);
  static constexpr bool is_valid(std::uint64_t bytes) noexcept {
    return bytes >= (1U << 20) && bytes <= (1U << 30) && (bytes & (bytes - 1)) == 0;
  }
  constexpr std::uint32_t bytes() const noexcept { return bytes_; }
  /// Segments in 4 GiB, which is the range of a name's last eight digits.
  constexpr std::uint64_t per_log() const noexcept { return (std::uint64_t{1} << 32) / bytes_; }
  friend bool operator==(const segment_size&, const segment_size&) = default;

private:
  std::uint32_t bytes_ = 16U << 20;
};

/// One WAL segment as its name tells it. Needs no segment size until asked for positions.
/// Ordered by timeline, then position.
struct wal_segment {
  timeline tli;
  std::uint32_t log = 0; ///< the high 32 bits of every position in it
  std::uint32_t seg = 0; ///< counts segments within these 4 GiB

  /// Exactly 24 upper-case hexadecimal digits, otherwise nullopt.
  static std::optional<wal_segment> parse(std::string_view name);
  /// The segment that holds the byte at `position`.
  static wal_segment containing(lsn position, timeline tli, segment_size size);
  /// The last segment needed to have all WAL before `position`: on a boundary that is the one
  /// before it. pg_walfile_name says so up to PostgreSQL 16, but no longer from 17 on, therefore
  /// stop positions are always turned into names here.
  static wal_segment before(lsn position, timeline tli, segment_size size);

  std::string name() const;
  lsn start(segment_size size) const noexcept;
  lsn end(segment_size size) const noexcept;
  wal_segment next(segment_size size) const noexcept;
  /// False where `seg` cannot occur with this segment size.
  bool fits(segment_size size) const noexcept { return seg < size.per_log(); }
  /// log and seg as one number: WAL-E's order of segments regardless of timelines.
  std::uint64_t number() const noexcept { return std::uint64_t{log} << 32 | seg; }
  friend auto operator<=>(const wal_segment&, const wal_segment&) = default;
};

/// The offset of `position` in its segment.
std::uint32_t offset_in_segment(lsn position, segment_size size) noexcept;

/// The name of a file PostgreSQL archives.
struct wal_name {
  enum class kind {
    segment, ///< 24 digits
    partial, ///< SEGMENT.partial: the last one of a timeline that ended
    history, ///< TIMELINE.history
    backup,  ///< SEGMENT.OFFSET.backup: a backup's start and stop as told by the server
    other,   ///< any other permitted name
  };

  kind type = kind::other;
  std::string text;
  std::optional<wal_segment> segment = {}; ///< segment, partial and backup
  std::optional<timeline> tli = {};        ///< every kind but other

  /// Throws kind::usage unless it is 1 to 64 letters, digits and dots, not `.` or `..`.
  static wal_name parse(std::string_view text);
};

/// What the first page of a segment says about itself.
struct segment_header {
  std::uint16_t magic = 0; ///< changes with every major version; unknown ones are as good
  std::uint16_t info = 0;
  timeline tli;
  lsn page_address;
  std::uint64_t system_identifier = 0;
  segment_size size;
  std::uint32_t block_size = 0;

  static constexpr std::size_t length = 40; ///< sizeof(XLogLongPageHeaderData)
};
/// Reads a little-endian XLogLongPageHeaderData. nullopt if `bytes` is too short or the page is not
/// the first one of a segment (no long-header flag, impossible sizes or address).
std::optional<segment_header> read_segment_header(std::span<const std::byte> bytes);

} // namespace wale::pg
