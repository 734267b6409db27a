#pragma once
// The two JSON objects of a backup: WAL-E's sentinel, and metadata.json beside the version file,
// which other readers of this layout know (docs/format.md "Sentinel", "Metadata"). Pure.

#include <wale/pg/tablespace.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::catalog {

using pg::tablespace;

/// Everything optional is missing in archives of very old versions.
struct sentinel {
  std::string wal_segment_backup_stop;
  std::string wal_segment_offset_backup_stop; ///< 8 digits
  std::optional<std::uint64_t> expanded_size_bytes;
  std::string base_prefix; ///< cluster directory with a slash at the end
  std::vector<tablespace> tablespaces;
  std::optional<std::uint32_t> partitions; ///< only ours: how many there are
};

/// One line, keys and separators as WAL-E's Python wrote them, then `partitions`.
std::string write_sentinel(const sentinel& s);
/// Unknown keys are ignored. Throws kind::corrupt naming `where` if it is not such an object.
sentinel read_sentinel(std::string_view text, const std::string& where);

struct metadata {
  std::string start_time;  ///< RFC 3339, UTC, seconds
  std::string finish_time; ///< the same; orders backups for LATEST
  std::string hostname;
  std::string data_dir;
  std::int64_t pg_version = 0;
  std::uint64_t start_lsn = 0;
  std::uint64_t finish_lsn = 0;
  std::uint64_t system_identifier = 0;
  std::uint64_t uncompressed_size = 0;
  std::uint64_t compressed_size = 0;
};

std::string write_metadata(const metadata& m);
/// Throws kind::corrupt naming `where`.
metadata read_metadata(std::string_view text, const std::string& where);

} // namespace wale::catalog
