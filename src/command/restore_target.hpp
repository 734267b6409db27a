#pragma once
// The directories that a restore fills: what they may hold beforehand, and what marks them as ours
// while it is under way. All functions block; run them through runtime::offload.

#include "directory_lock.hpp"
#include "tablespace_places.hpp"

#include <wale/catalog/sentinel.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace wale::command {

struct restore_target {
  std::string directory; ///< absolute, links resolved
  tablespace_places tablespaces;
  std::set<std::string>
      own_links;           ///< in pg_tblspc, made by this restore or one that was broken off
  bool overwrite = false;  ///< may hold anything, which is removed
  bool existed = false;    ///< the directory
  bool unfinished = false; ///< it holds a restore that was broken off
  bool had_tablespace_links = false; ///< its pg_tblspc
  std::set<std::string>
      wal_links; ///< pg_wal, pg_xlog: those that the operator made links or mount points
  std::set<std::string> kept_files; ///< configuration that is there and wins over the backup's
  std::vector<std::shared_ptr<directory_lock>> locks = {};
};

/// Refuses a directory that a server runs on (kind::refused, WAL-E's words).
void require_not_live(const std::string& directory);

/// Decides where everything goes, refuses whatever would lose or mix data, and locks the
/// directories against other restores. Makes those that are missing, changes nothing else, and
/// removes them again if it throws.
restore_target examine_target(
    const std::string& directory,
    const catalog::sentinel& backup,
    bool overwrite,
    const catalog::restore_wish& wish = {});

/// Empties the target as far as it is ours or may be overwritten (pg_wal first), and marks it and
/// its tablespaces as an unfinished restore. The mark lists kept_files and own_links, so that
/// another attempt can tell the operator's from half-restored ones. Makes the links of tablespaces.
void prepare_target(const restore_target& target);

/// Removes the marks: the restore is complete and durable.
void finish_target(const restore_target& target);

/// Removes what a failed restore has written: the target is again what it was, but for what
/// `overwrite` had removed.
void undo_target(const restore_target& target);

} // namespace wale::command
