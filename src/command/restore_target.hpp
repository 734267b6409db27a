#pragma once
// The directories that a restore fills: what they may hold beforehand, and what marks them as ours
// while it is under way. All functions block; run them through runtime::offload.

#include <wale/catalog/sentinel.hpp>

#include <memory>
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

/// Keeps other restores out of a directory for as long as it lives (flock).
class directory_lock {
public:
  /// Throws kind::refused while another process holds it. Where the file system has no locks,
  /// nothing is locked.
  explicit directory_lock(const std::string& directory);
  ~directory_lock();
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;

private:
  int fd_ = -1;
};

struct restore_target {
  std::string directory; ///< absolute, links resolved
  std::vector<placed_tablespace> tablespaces;
  bool overwrite = false;            ///< may hold anything, which is removed
  bool existed = false;              ///< the directory
  bool unfinished = false;           ///< it holds a restore that was broken off
  bool had_tablespace_links = false; ///< its pg_tblspc
  std::set<std::string> wal_links;   ///< pg_wal, pg_xlog: those that the operator made links
  std::set<std::string> kept_files;  ///< configuration that is there and wins over the backup's
  std::vector<std::shared_ptr<directory_lock>> locks = {};
};

/// Refuses a directory that a server runs on (kind::refused, WAL-E's words).
void require_not_live(const std::string& directory);

/// Decides where everything goes, refuses whatever would lose or mix data, and locks the
/// directories against other restores. Makes a missing target, changes nothing else.
restore_target
examine_target(const std::string& directory, const catalog::sentinel& backup, bool overwrite);

/// Empties the target as far as it is ours or may be overwritten (pg_wal first), and marks it and
/// its tablespaces as an unfinished restore. The mark lists kept_files, so that another attempt can
/// tell the operator's files from half-restored ones.
void prepare_target(const restore_target& target);

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
