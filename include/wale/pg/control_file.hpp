#pragma once
// global/pg_control: what a cluster knows about itself, of PostgreSQL 9.6 to 18 on little-endian
// machines. Layouts follow src/include/catalog/pg_control.h of each version.

#include <wale/pg/wal_name.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wale::pg {

/// DBState; the numbers are PostgreSQL's.
enum class cluster_state : std::uint32_t {
  starting_up = 0,
  shut_down = 1,
  shut_down_in_recovery = 2,
  shutting_down = 3,
  in_crash_recovery = 4,
  in_archive_recovery = 5,
  in_production = 6,
};
/// As pg_controldata prints it, for example `shut down in recovery`.
std::string_view to_string(cluster_state state) noexcept;

struct control_data {
  std::uint64_t system_identifier = 0;
  std::uint32_t control_version = 0; ///< 960, 1002, 1100, 1201, 1300, 1700, 1800
  std::uint32_t catalog_version = 0;
  cluster_state state = cluster_state::starting_up;
  std::int64_t time = 0; ///< seconds since 1970: when the file was written

  lsn checkpoint;        ///< where the latest checkpoint record is
  lsn redo;              ///< where recovery from it starts
  timeline tli;          ///< of the latest checkpoint
  timeline previous_tli; ///< differs right after a promotion
  std::int64_t checkpoint_time = 0;

  lsn min_recovery_point; ///< a copy of these files is consistent from here on; 0 on a primary
  timeline min_recovery_tli;
  lsn backup_start;
  lsn backup_end;
  bool backup_end_required = false;

  std::uint32_t block_size = 0;
  std::uint32_t wal_block_size = 0;
  segment_size wal_segment_size;
  std::uint32_t checksum_version = 0; ///< 0: no data checksums

  /// Shut down cleanly, as a primary or as a standby.
  bool is_shut_down() const noexcept {
    return state == cluster_state::shut_down || state == cluster_state::shut_down_in_recovery;
  }
};

/// Pure. Throws kind::corrupt if the file is too short, of an unknown version, of another byte
/// order, or its CRC is wrong.
control_data parse_control_file(std::span<const std::byte> bytes);

/// The bytes of a control file together with what they say.
struct control_image {
  std::vector<std::byte> bytes;
  control_data data;
};
/// Reads DIRECTORY/global/pg_control; reads again for a while as long as the CRC is wrong, since a
/// running server may be writing it. Blocks: run it through runtime::offload.
/// Throws kind::corrupt or failure::system.
control_image read_control_file(const std::string& data_directory);

} // namespace wale::pg
