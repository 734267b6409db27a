#pragma once
// The directories that a restore fills: what they may hold beforehand, and what marks them as ours
// while it is under way. All functions block; run them through runtime::offload.

#include <wale/catalog/sentinel.hpp>

#include <set>
#include <string>
#include <vector>

namespace wale::command {

/// A tablespace with the place that it goes to here.
struct placed_tablespace {
  std::string oid;
  std::string link;     ///< pg_tblspc/OID
  std::string location; ///< resolved
};

struct restore_target {
  std::string directory; ///< absolute, links resolved
  std::vector<placed_tablespace> tablespaces;
  bool existed = false;              ///< the directory
  bool had_tablespace_links = false; ///< its pg_tblspc
  bool has_wal_link = false;         ///< pg_wal (pg_xlog) is a link that the operator prepared
  std::string wal_name;              ///< pg_wal or pg_xlog, if has_wal_link
  std::set<std::string> kept_files;  ///< configuration that is there and wins over the backup's
};

/// Refuses a directory that a server runs on (kind::refused, WAL-E's words).
void require_not_live(const std::string& directory);

/// Decides where everything goes and refuses whatever would lose or mix data. Changes nothing.
/// With `overwrite` the target may hold anything.
restore_target
examine_target(const std::string& directory, const catalog::sentinel& backup, bool overwrite);

/// Makes the target, empties it as far as it is ours or `overwrite` allows (pg_wal first), and
/// marks it and its tablespaces as an unfinished restore. The mark lists kept_files, so that
/// another attempt can tell the operator's files from half-restored ones.
void prepare_target(const restore_target& target, bool overwrite);

/// The tablespace_map that leads PostgreSQL to where the tablespaces are now; it re-points the
/// links by it when it starts.
std::string tablespace_map(const restore_target& target);

/// Removes the marks: the restore is complete and durable.
void finish_target(const restore_target& target);

/// Removes what a failed restore has written: the target is again what it was, but for what
/// `overwrite` had removed.
void undo_target(const restore_target& target);

/// Name of the mark within a directory.
inline constexpr const char* unfinished_mark = ".wal-e-unfinished-restore";

} // namespace wale::command
