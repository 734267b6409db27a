#pragma once
// The WAL of a backup that was taken offline: no archiver will bring what is missing.

#include "context.hpp"

#include <wale/base/tree_entry.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/data_dir.hpp>
#include <wale/pg/shutdown_wal.hpp>

#include <vector>

namespace wale::command {

/// The segments of `wal` that the archive does not hold, as members of the backup. The history file
/// of their timeline is brought there. Throws kind::unavailable for a segment that is in neither
/// place, and as archived_wal does.
task<std::vector<tree_entry>> wal_to_carry(
    context c,
    const pg::cluster_directory& cluster,
    const pg::control_data& control,
    const pg::shutdown_wal& wal);

} // namespace wale::command
