#pragma once
// Which WAL backups need: from its start on, all of a backup's own timeline and of every timeline
// that descends from it. Pure.
//
// Sources: src/backend/access/transam/timeline.c of PostgreSQL (a history file holds the whole line
// of ancestors; a descendant's number is greater than its ancestors').

#include <wale/pg/timeline_history.hpp>
#include <wale/pg/wal_name.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

namespace wale::catalog {

/// The timelines whose history file could be read, with their ancestors.
using timeline_histories = std::map<pg::timeline, std::vector<pg::timeline_ancestor>>;

/// Whether WAL of `tli` may belong to what began on `of`. A timeline whose ancestors are not known
/// may descend from any; only timeline 1 is known to have none.
bool may_descend(const timeline_histories& histories, pg::timeline tli, pg::timeline of);

class needed_wal {
public:
  explicit needed_wal(timeline_histories histories) : histories_(std::move(histories)) {}

  /// A backup that begins in this segment needs its WAL.
  void add(const pg::wal_segment& start);
  bool needs(const pg::wal_segment& segment) const;

private:
  static constexpr std::uint64_t nothing = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t least_number(pg::timeline tli) const;

  timeline_histories histories_;
  std::map<pg::timeline, std::uint64_t> starts_;        ///< the least number on each timeline
  mutable std::map<pg::timeline, std::uint64_t> least_; ///< what least_number() found
};

} // namespace wale::catalog
