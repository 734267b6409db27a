#pragma once
// What of a data directory is in a backup: PostgreSQL's own list (src/backend/backup/basebackup.c),
// matched by path and never by a name alone, and how tablespaces are laid out in it.

#include <wale/base/error.hpp>
#include <wale/base/tree_entry.hpp>
#include <wale/pg/tablespace.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wale::pg {

/// A directory that looks like a cluster.
struct cluster_directory {
  std::string path;    ///< absolute, without a trailing slash, links not resolved
  std::string version; ///< the content of PG_VERSION: `9.6`, `15`
};
/// Makes `given` absolute and looks at PG_VERSION and global/pg_control. Blocks shortly.
/// Throws kind::configuration: missing, not a directory, not a data directory.
cluster_directory find_cluster(const std::string& given);
/// What PostgreSQL 10 renamed: pg_xlog, then pg_wal.
std::string wal_directory_name(const cluster_directory& cluster);
/// log_directory's default, which was renamed as well: pg_log, then log.
std::string default_log_directory(const cluster_directory& cluster);

struct data_dir_plan {
  /// Parents before what they hold, otherwise in byte order of their names; the root first.
  /// Without global/pg_control: it is read on its own, last of all. Members of tablespaces are
  /// named pg_tblspc/OID/PG_.../..., their links are not members.
  std::vector<tree_entry> entries;
  std::vector<tablespace> tablespaces; ///< those behind links, by number
  std::vector<explanation> warnings;   ///< sockets and devices that are left out
  std::uint64_t bytes = 0;             ///< sum of the file sizes
};

/// Unlogged relations: a recovery empties them, so that only what starts without one needs their
/// content.
enum class unlogged_relations { left_out, kept };

/// Walks the cluster. Blocks: run it through runtime::offload. Files that vanish meanwhile are
/// skipped. Throws failure::system for what cannot be read, kind::refused for a tablespace that
/// is not there. `log_directory` as the server has it; its content is left out if it lies inside.
data_dir_plan scan_data_directory(
    const cluster_directory& cluster,
    const std::optional<std::string>& log_directory = {},
    unlogged_relations unlogged = unlogged_relations::left_out);

} // namespace wale::pg
