#pragma once
// The proof that a backup can be restored: every segment it needs is in our store.

#include "context.hpp"

#include <wale/pg/backup_session.hpp>
#include <wale/pg/wal_name.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace wale::command {

struct wal_range {
  pg::wal_segment first;
  pg::wal_segment last; ///< same timeline
  pg::segment_size size;
  std::uint64_t system_identifier = 0;
  bool on_standby = false; ///< nobody switches segments there
};

/// Waits until the store holds the segments first..last, looking soon at first, then once a second,
/// with a WARNING each 30 s and a ping each 2 s. Then sees to their timeline's history file, as
/// archived_wal does. Throws kind::unavailable after `patience`, kind::refused for a segment that
/// another cluster wrote, kind::corrupt for one that is none, and whatever session.ping() throws.
/// Takes 7 blocks.
task<> wait_for_wal(
    context c,
    pg::backup_session& session,
    wal_range needed,
    std::string pg_wal,
    std::chrono::seconds patience);

} // namespace wale::command
