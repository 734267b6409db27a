#pragma once
// Which directory each tablespace of a backup is restored into, and that it is one of its own. All
// functions block; run them through runtime::offload.

#include <wale/catalog/restore_spec.hpp>
#include <wale/catalog/sentinel.hpp>

#include <set>
#include <string>
#include <vector>

namespace wale::command {

/// A tablespace with the place that it goes to here.
struct placed_tablespace {
  std::string oid;
  std::string link;           ///< pg_tblspc/OID
  std::string location;       ///< resolved
  bool makes_link = false;    ///< the restore makes it; otherwise the operator has
  bool made_location = false; ///< it was made for this restore
};

struct tablespace_places {
  std::vector<placed_tablespace> placed;
  std::vector<std::string> blind; ///< links in whose place there will be directories
};

/// The data directory as it is before the restore.
struct tablespace_target {
  std::string directory;           ///< resolved
  bool overwrite = false;          ///< links that are there may be replaced
  std::set<std::string> own_links; ///< made by an earlier attempt: as good as absent
};

/// Where `wish` says, else where the operator's link leads, else nowhere if `wish` is blind.
/// Changes nothing. Throws kind::refused for a tablespace without a place, another link than the
/// wish, a place that overlaps with the target, another tablespace's or the backed-up cluster's;
/// kind::configuration for a place that cannot be one.
tablespace_places choose_places(
    const tablespace_target& target,
    const catalog::sentinel& backup,
    const catalog::restore_wish& wish);

/// Makes the directory `t` goes to, not its parents; false if it was there.
bool make_location(const placed_tablespace& t);

/// Throws kind::refused if there is anything but what an unfinished restore has left; or, behind a
/// link that was there, what the cluster of version `overwritten` (`15`, `9.6`) has there: others
/// may share the place. Empty: nothing is overwritten. What only a specification names is not known
/// to be of the cluster that may be.
void require_free_location(const placed_tablespace& t, const std::string& overwritten);

/// Makes the links and directories in pg_tblspc that are still missing.
void make_tablespace_links(const std::string& directory, const tablespace_places& places);

/// Gives what was made for tablespaces the mode of the data directory and, if we are root, its
/// owner, which the archive says.
void own_as_directory(const std::string& directory, const tablespace_places& places);

/// The tablespace_map that leads PostgreSQL to where the tablespaces are now; it re-points the
/// links by it when it starts. Empty if there are none behind links.
std::string tablespace_map(const tablespace_places& places);

} // namespace wale::command
