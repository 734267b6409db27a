// docs/design.md "Restore" has the rules and what was measured.
#include "tablespace_places.hpp"

#include "restore_files.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr mode_t private_directory = 0700;

bool is_inside(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

bool overlaps(const std::string& a, const std::string& b) {
  return is_inside(a, b) || is_inside(b, a);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::string> resolved(const std::string& path) {
  if (path.empty() || !fs::status(path)) return std::nullopt;
  return fs::resolve(path);
}

// A place that need not exist yet, its parent must.
std::string resolve_place(const std::string& oid, const std::string& path) {
  if (const auto place = resolved(path)) {
    if (fs::is_directory(path)) return *place;
    throw failure(
        kind::configuration,
        "the place of a tablespace is something else",
        "\"" + path + "\", for tablespace " + oid + ", is no directory.",
        "Name a directory that is empty or does not exist yet.");
  }
  const std::string parent = parent_of(path);
  if (!fs::is_directory(parent) || is_link(path))
    throw failure(
        kind::configuration,
        "the place of a tablespace cannot be made",
        is_link(path) ? "\"" + path + "\" is a link that leads nowhere."
                      : "\"" + parent + "\" is no directory.",
        "Make it first, or mount what belongs there.");
  const std::string resolved_parent = fs::resolve(parent);
  return (resolved_parent == "/" ? "" : resolved_parent) + path.substr(path.rfind('/'));
}

// What we may not reach we cannot write into either.
std::optional<std::string> reachable(const std::string& path) {
  try {
    return resolved(path);
  } catch (const failure& f) {
    if (f.error_number() != EACCES) throw;
    return std::nullopt;
  }
}

// One of another user may be the cluster's.
bool is_certainly_empty(const std::string& directory) {
  try {
    return entries_of(directory).empty();
  } catch (const failure& f) {
    if (f.error_number() != EACCES) throw;
    return false;
  }
}

// Where the backed-up cluster lives, if it lives on this machine and is not what we overwrite.
std::vector<std::string>
source_directories(const catalog::sentinel& backup, const std::string& target) {
  std::vector<std::string> directories;
  const auto base = reachable(backup.base_prefix);
  if (!base || *base == target || is_certainly_empty(*base)) return directories;
  directories.push_back(*base);
  for (const catalog::tablespace& t : backup.tablespaces)
    if (const auto location = reachable(t.location)) directories.push_back(*location);
  return directories;
}

// What a tablespace's directory may hold although it is to be overwritten: anything else was never
// a tablespace.
bool is_of_a_tablespace(const std::string& name) {
  return name.starts_with("PG_") && name != "PG_VERSION";
}

failure
no_places(const std::vector<const catalog::tablespace*>& missing, const std::string& directory) {
  std::string list;
  for (const catalog::tablespace* t : missing)
    list += "\n" + directory + "/pg_tblspc/" + t->oid + " (it was at " + t->location + ")";
  return failure(
      kind::refused,
      "Symlinks for some tablespaces not found or created.",
      "Symlinks missing:" + list,
      "Make an empty directory for each tablespace and a symbolic link to it, for example: ln -s "
      "/new/place " +
          directory + "/pg_tblspc/" + missing.front()->oid +
          ". Or say where they go with --restore-spec, or pass --blind-restore.");
}

class chooser {
public:
  chooser(
      const tablespace_target& target,
      const catalog::sentinel& backup,
      const catalog::restore_wish& wish)
      : target_(target), backup_(backup), wish_(wish),
        sources_(source_directories(backup, target.directory)) {}

  tablespace_places run() {
    std::vector<const catalog::tablespace*> missing;
    for (const catalog::tablespace& t : backup_.tablespaces)
      if (!has_place(t.oid)) missing.push_back(&t);
    if (!missing.empty()) throw no_places(missing, target_.directory);
    return std::move(places_);
  }

private:
  std::string link_path(const std::string& oid) const {
    return target_.directory + "/pg_tblspc/" + oid;
  }

  // A link of the operator's that stays.
  bool has_link(const std::string& oid) const {
    return is_link(link_path(oid)) && !target_.own_links.contains("pg_tblspc/" + oid);
  }

  bool has_place(const std::string& oid) {
    placed_tablespace p;
    p.oid = oid;
    p.link = "pg_tblspc/" + oid;
    const auto wished = wish_.places.find(oid);
    if (wished != wish_.places.end()) {
      p.location = resolve_place(oid, wished->second);
      p.makes_link = !is_there_already(p);
    } else if (has_link(oid) && fs::is_directory(link_path(oid))) {
      p.location = fs::resolve(link_path(oid));
    } else {
      const bool is_free = wish_.blind && (target_.overwrite || !has_link(oid));
      if (is_free) places_.blind.push_back(p.link);
      return is_free;
    }
    require_place_of_its_own(p);
    places_.placed.push_back(std::move(p));
    return true;
  }

  // False: the link is to be made, in place of what may be replaced.
  bool is_there_already(const placed_tablespace& p) const {
    if (!has_link(p.oid)) return false;
    const auto leads_to = resolved(link_path(p.oid));
    if (leads_to == p.location) return true;
    if (target_.overwrite) return false;
    throw failure(
        kind::refused,
        "a tablespace has another link than the restore specification says",
        link_path(p.oid) + " leads to " + leads_to.value_or("nothing") + ", not to " + p.location +
            ".",
        "Remove the link, or leave the tablespace out of the specification's \"tablespaces\".");
  }

  void require_place_of_its_own(const placed_tablespace& t) const {
    for (const std::string& source : sources_)
      if (overlaps(t.location, source))
        throw failure(
            kind::refused,
            "a tablespace would be restored into the files of the cluster that was backed up",
            t.link + " leads to " + t.location + ", which belongs to " + source + ".",
            "Choose an empty directory elsewhere.");
    std::string other = overlaps(t.location, target_.directory) ? target_.directory : "";
    for (const placed_tablespace& p : places_.placed)
      if (overlaps(t.location, p.location)) other = p.link;
    if (!other.empty())
      throw failure(
          kind::refused,
          "a tablespace needs a place of its own",
          t.link + " leads to " + t.location + ", which overlaps with " + other + ".",
          "Choose an empty directory elsewhere.");
  }

  const tablespace_target& target_;
  const catalog::sentinel& backup_;
  const catalog::restore_wish& wish_;
  std::vector<std::string> sources_;
  tablespace_places places_;
};

std::string escaped(const std::string& path) {
  std::string text;
  for (char c : path) {
    if (c == '\n' || c == '\r' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

} // namespace

tablespace_places choose_places(
    const tablespace_target& target,
    const catalog::sentinel& backup,
    const catalog::restore_wish& wish) {
  return chooser(target, backup, wish).run();
}

bool make_location(const placed_tablespace& t) {
  if (fs::is_directory(t.location)) return false;
  const bool made = fs::make_directory(t.location, private_directory);
  fs::sync_directory(parent_of(t.location));
  return made;
}

void require_free_location(const placed_tablespace& t, const std::string& overwritten) {
  const bool may_overwrite = !overwritten.empty() && !t.makes_link;
  const bool is_ours = is_marked(t.location);
  for (const fs::entry& e : entries_of(t.location)) {
    if (e.name == "lost+found" || e.name == unwritten_mark || e.name == unfinished_mark) continue;
    const bool is_tablespace = is_of_a_tablespace(e.name);
    const bool is_of_the_cluster = e.name.starts_with("PG_" + overwritten + "_");
    if ((is_ours && is_tablespace) || (may_overwrite && is_of_the_cluster)) continue;
    std::string hint = "Is it the right directory? Empty it, or choose another place for ";
    if (may_overwrite && is_tablespace)
      hint = "It is of another version than the cluster that --overwrite removes, and stays. Move "
             "it away if nobody needs it, or choose another place for ";
    else if (is_tablespace && !t.makes_link)
      hint = "Pass --overwrite to remove it with its cluster, or choose another place for ";
    throw failure(
        kind::refused,
        "the place of a tablespace is not empty",
        t.location + " holds \"" + e.name + "\".",
        hint + t.link + ".");
  }
}

void make_tablespace_links(const std::string& directory, const tablespace_places& places) {
  const auto is_made = [](const placed_tablespace& p) { return p.makes_link; };
  if (std::ranges::none_of(places.placed, is_made) && places.blind.empty()) return;
  const std::string links = directory + "/pg_tblspc";
  fs::make_directory(links, private_directory);
  for (const placed_tablespace& p : places.placed)
    if (p.makes_link) fs::symlink(p.location, directory + "/" + p.link);
  for (const std::string& link : places.blind)
    fs::make_directory(directory + "/" + link, private_directory);
  fs::sync_directory(links);
  fs::sync_directory(directory);
}

void own_as_directory(const std::string& directory, const tablespace_places& places) {
  const auto owner = fs::status(directory);
  if (!owner) return;
  for (const placed_tablespace& p : places.placed)
    if (p.made_location && ::chmod(p.location.c_str(), owner->st_mode & 0777) != 0)
      throw failure::system(errno, "chmod \"" + p.location + "\"");
  if (::geteuid() != 0) return;
  const auto give = [&](const std::string& path) {
    if (::lchown(path.c_str(), owner->st_uid, owner->st_gid) != 0)
      throw failure::system(errno, "lchown \"" + path + "\"");
  };
  for (const placed_tablespace& p : places.placed) {
    if (p.makes_link) give(directory + "/" + p.link);
    if (p.made_location) give(p.location);
  }
  for (const std::string& link : places.blind)
    give(directory + "/" + link);
}

std::string tablespace_map(const tablespace_places& places) {
  std::string text;
  for (const placed_tablespace& p : places.placed)
    text += p.oid + " " + escaped(p.location) + "\n";
  return text;
}

} // namespace wale::command
