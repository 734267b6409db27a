#pragma once
// A listing, sorted into what WAL-E's `delete` takes its keys for. Pure.
//
// Like WAL-E's patterns, these are anchored at the start: what follows a match is tolerated, so
// that leftovers such as `SEGMENT.lzo.tmp` go with what they are named after.

#include <wale/catalog/retention.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wale::catalog {

/// The objects of one backup, finished or not.
struct backup_group {
  std::string name; ///< of its directory: `base_SEG_OFF`, perhaps more
  pg::wal_segment start;
  std::optional<backup_name> complete = {}; ///< there is a sentinel
  std::vector<removal> sentinels = {};      ///< one or none
  std::vector<removal> contents = {};
  std::int64_t sentinel_ns = 0;
  /// What WAL-E did not fsync a crash leaves empty. Such a backup is listed and cannot be restored.
  bool is_sentinel_empty = false;
  std::int64_t newest_ns = 0; ///< of any object below its directory, also of skipped ones
};

struct grouped_backups {
  std::vector<backup_group> groups; ///< by name
  std::vector<skipped_key> skipped;
};
grouped_backups group_backups(std::span<const store::object_info> listing);

/// A key below the directory of WAL.
struct wal_key_role {
  enum class role { segment, history, odd } what = role::odd;
  pg::wal_segment segment = {}; ///< also of `.partial` and `.backup`
  std::string_view words;       ///< thing or why
};
wal_key_role role_of_wal_key(const store::object_key& key);

} // namespace wale::catalog
