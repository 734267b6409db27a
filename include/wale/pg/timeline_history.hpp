#pragma once
// Timeline history files, TIMELINE.history: from which timelines this one descends and where it
// left them. Pure. Source: src/backend/access/transam/timeline.c of PostgreSQL.

#include <wale/pg/wal_name.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace wale::pg {

struct timeline_ancestor {
  timeline tli;
  lsn left_at; ///< the first position that is not of this timeline any more
  std::string reason;
};

/// Oldest ancestor first. Comments and empty lines are skipped.
/// Throws kind::corrupt for a line the server would refuse, or if timelines do not ascend.
std::vector<timeline_ancestor> parse_timeline_history(std::string_view text);

} // namespace wale::pg
