#pragma once
// Which names of a data directory a backup leaves out. Pure: names in, verdicts out.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace wale::pg {

enum class verdict {
  keep,  ///< as it is
  empty, ///< a directory without its content
  drop,
};

/// What becomes of `name` in the directory `parent`, a member name, empty for the root. Covers all
/// but relation files, for which see relation_filter.
verdict rule_for(std::string_view parent, std::string_view name);

/// global, base/OID and pg_tblspc/OID/PG_.../OID: where relation files are.
bool is_database_directory(std::string_view member);

/// Directories of PostgreSQL's own, whose content is data, whatever log_directory says.
bool is_cluster_data(std::string_view member);

/// Directories of PostgreSQL's own that an operator may have moved away, leaving a link: a copy of
/// the link would be no backup, and lead a restored server into the files of the original.
bool is_movable_directory(std::string_view member);

/// Leaves out the relations of one database directory that do not survive a crash.
class relation_filter {
public:
  /// All names in the directory: a relation is unlogged if its init fork is among them.
  explicit relation_filter(const std::vector<std::string>& names);
  bool drops(std::string_view name) const;

private:
  std::set<std::string, std::less<>> unlogged_;
};

/// A file of the relation mapping and file naming scheme: NUMBER[_FORK][.SEGMENT].
struct relation_file {
  std::string_view number; ///< digits; with the backend's for a temporary one, `t3_16384`
  std::string_view fork;   ///< empty for the main fork, otherwise fsm, vm or init
  bool temporary = false;
};
/// nullopt if `name` is no relation file. The result refers to `name`.
std::optional<relation_file> parse_relation_file(std::string_view name);

} // namespace wale::pg
