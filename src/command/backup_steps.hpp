#pragma once
// What online and offline backups have in common around the partitions: the version before them,
// metadata and sentinel after them, and the way out.

#include "backup_objects.hpp"
#include "backup_upload.hpp"
#include "context.hpp"

#include <wale/archive/pack.hpp>
#include <wale/base/tree_entry.hpp>
#include <wale/pg/data_dir.hpp>
#include <wale/pg/wal_name.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wale::command {

/// A backup whose partitions are stored.
struct finished_backup {
  pg::cluster_directory cluster;
  std::vector<pg::tablespace> tablespaces;
  std::int64_t began_ns = 0;
  int server_version = 0; ///< as server_version_num
  std::uint64_t system_identifier = 0;
  pg::lsn start;
  pg::lsn stop;
  pg::wal_segment stop_segment; ///< the last one that it needs
  std::uint32_t stop_offset = 0;
  upload_totals totals;
};

/// --cluster-read-rate-limit, in bytes per second.
std::optional<std::uint64_t> read_rate_limit(const command_line& line);

/// A member in memory with the owner of the data directory, whose entry `root` is.
archive::memory_member member_like(const tree_entry& root, std::string name, std::string bytes);

task<> store_version(context c, backup_objects& objects, std::string text);
task<> store_metadata(context c, backup_objects& objects, const finished_backup& facts);
std::string sentinel_text(const finished_backup& facts);

/// Removes the objects of a failed backup; that this fails is only a WARNING.
task<> discard_objects(context c, const backup_objects& objects);

} // namespace wale::command
