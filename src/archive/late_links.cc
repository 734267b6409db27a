// The hard links that no extraction could make by itself.
#include "member_name.hpp"
#include "target_tree.hpp"

#include <wale/archive/extract.hpp>
#include <wale/base/error.hpp>

namespace wale::archive {
namespace {

// What was kept stands for the file of the archive, under its other names too.
void require_extracted(
    const extract_options& options, const restored_names& names, const late_link& link) {
  if (names.contains(link.to) || options.kept.contains(link.to)) return;
  throw failure(
      kind::refused,
      "a hard link of the archive leads to a file that was not extracted",
      "\"" + link.name + "\" is a link to \"" + link.to + "\", which is not in the backup.",
      "wal-e and WAL-E write no such members: do not trust this archive.");
}

} // namespace

void make_late_links(
    const extract_options& options,
    const restored_names& names,
    const std::vector<late_link>& links) {
  if (links.empty()) return;
  const target_tree tree(options.target, options.followed);
  std::set<std::string> changed_directories;
  for (const late_link& link : links) {
    require_extracted(options, names, link);
    const auto substitute = options.held.find(link.to);
    tree.make_hard_link(link.name, substitute == options.held.end() ? link.to : substitute->second);
    changed_directories.emplace(parent_of(link.name));
  }
  if (!options.sync) return;
  for (const std::string& directory : changed_directories)
    tree.sync({directory});
}

} // namespace wale::archive
