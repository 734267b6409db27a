// docs/design.md "Restore" has the rules and what was measured.
#include "restore_target.hpp"

#include "restore_files.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>

#include <algorithm>
#include <array>
#include <dirent.h>
#include <filesystem>
#include <memory>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr mode_t private_directory = 0700;
/// Each server writes it when it starts; no backup holds it.
constexpr const char* started_file = "postmaster.opts";
/// In the mark of a tablespace's place: the directory itself is the restore's.
constexpr const char* made_by_restore = ".";

// What WAL-E's users put into the target before they restore.
constexpr std::array configuration_files{
    "postgresql.conf",
    "pg_hba.conf",
    "pg_ident.conf",
    "recovery.conf",
    "standby.signal",
    "recovery.signal"};

constexpr std::array wal_directories{"pg_wal", "pg_xlog"};

bool is_configuration(const std::string& name) {
  return std::ranges::find(configuration_files, name) != configuration_files.end();
}

bool is_wal(const std::string& name) {
  return std::ranges::find(wal_directories, name) != wal_directories.end();
}

// Where the operator has given pg_wal a disk of its own.
bool lies_elsewhere(const std::string& path) {
  return is_link_to_directory(path) || is_mount_point(path);
}

bool may_stay(const fs::entry& e, const std::string& path) {
  if (e.name == "lost+found" || e.name == unwritten_mark || is_configuration(e.name) ||
      e.name == "pg_tblspc")
    return true;
  return is_wal(e.name) && lies_elsewhere(path) && is_empty_directory(path);
}

void require_free_target(
    const std::string& directory, const std::vector<fs::entry>& entries, bool overwrite) {
  const auto refuse = [&](const std::string& name) {
    throw failure(
        kind::refused,
        "the directory to restore into is not empty",
        directory + " holds \"" + name + "\".",
        overwrite
            ? "Restore into an empty directory: without PG_VERSION this is no data directory, and "
              "--overwrite removes nothing else."
            : "Restore into an empty directory, or pass --overwrite to remove a cluster that is "
              "there.");
  };
  for (const fs::entry& e : entries) {
    if (!may_stay(e, directory + "/" + e.name)) refuse(e.name);
    if (e.name != "pg_tblspc") continue;
    for (const fs::entry& link : entries_of(directory + "/pg_tblspc"))
      if (link.type != DT_LNK) refuse("pg_tblspc/" + link.name);
  }
}

// The operator's configuration files: all that are there, or what the mark of an earlier attempt
// lists of them.
std::set<std::string> kept_files_of(const std::string& directory) {
  std::set<std::string> kept;
  const bool marked = is_marked(directory);
  const std::set<std::string> listed = marked_names(directory);
  for (const fs::entry& e : entries_of(directory))
    if (is_configuration(e.name) && (!marked || listed.contains(e.name))) kept.insert(e.name);
  return kept;
}

bool is_kept_link(const restore_target& t, const std::string& link) {
  const auto is_it = [&](const placed_tablespace& p) { return p.link == link && !p.makes_link; };
  return std::ranges::any_of(t.tablespaces.placed, is_it);
}

// Links in pg_tblspc are the operator's, unless a restore has made them or all may go; directories
// there are in-place tablespaces and those of blind restores.
void empty_tablespace_links(const restore_target& t) {
  for (const fs::entry& e : entries_of(t.directory + "/pg_tblspc")) {
    const std::string link = "pg_tblspc/" + e.name;
    const bool may_go = e.type != DT_LNK || t.overwrite || t.own_links.contains(link);
    if (is_kept_link(t, link) || !may_go) continue;
    fs::remove_tree(t.directory + "/" + link);
  }
}

// pg_wal first: without it nobody can start what is left should this be interrupted.
void empty_target(const restore_target& t) {
  for (const char* wal : wal_directories) {
    const std::string path = t.directory + "/" + wal;
    if (fs::is_directory(path)) empty_directory(path);
  }
  for (const fs::entry& e : entries_of(t.directory)) {
    if (e.name == "lost+found" || e.name == unfinished_mark || e.name == "pg_tblspc" ||
        t.kept_files.contains(e.name) || t.wal_links.contains(e.name))
      continue;
    fs::remove_tree(t.directory + "/" + e.name);
  }
  empty_tablespace_links(t);
  for (const placed_tablespace& p : t.tablespaces.placed)
    empty_directory(p.location);
}

bool make_target(const std::string& directory) {
  const std::size_t slash = directory.rfind('/');
  const std::string parent = slash == 0 ? "/" : directory.substr(0, slash);
  if (!fs::is_directory(parent))
    throw failure(
        kind::configuration,
        "the directory to restore into cannot be made",
        "\"" + parent + "\" is no directory.",
        "Make it first, or mount what belongs there.");
  const bool made = fs::make_directory(directory, private_directory);
  fs::sync_directory(parent);
  return made;
}

// `15`, `9.6`; empty if the directory is no cluster.
std::string version_of(const std::string& directory) {
  const std::string text = fs::read_small(directory + "/PG_VERSION").value_or("");
  return text.substr(0, text.find('\n'));
}

std::shared_ptr<directory_lock> lock(const std::string& directory) {
  return std::make_shared<directory_lock>(directory, "another restore into this directory");
}

void examine_directory(restore_target& t) {
  require_not_live(t.directory);
  const std::vector<fs::entry> entries = entries_of(t.directory);
  t.had_tablespace_links = fs::is_directory(t.directory + "/pg_tblspc");
  const bool was_started = fs::link_status(t.directory + "/" + started_file).has_value();
  t.unfinished = is_marked(t.directory) && !was_started;
  // Overwriting what is no data directory is more likely a mistyped name than a wish.
  const bool is_cluster = fs::link_status(t.directory + "/PG_VERSION").has_value();
  if (!t.unfinished && !(t.overwrite && is_cluster))
    require_free_target(t.directory, entries, t.overwrite);
  if (!t.overwrite) t.kept_files = kept_files_of(t.directory);
  for (const char* wal : wal_directories)
    if (lies_elsewhere(t.directory + "/" + wal)) t.wal_links.insert(wal);
  if (!t.unfinished) return;
  for (const std::string& name : marked_names(t.directory))
    if (name.starts_with("pg_tblspc/")) t.own_links.insert(name);
}

void examine_tablespaces(
    restore_target& t, const catalog::sentinel& backup, const catalog::restore_wish& wish) {
  const tablespace_target target{t.directory, t.overwrite, t.own_links};
  const std::string overwritten = t.overwrite ? version_of(t.directory) : "";
  t.tablespaces = choose_places(target, backup, wish);
  for (placed_tablespace& p : t.tablespaces.placed) {
    const bool made = make_location(p);
    t.locks.push_back(lock(p.location));
    p.made_location = made || marked_names(p.location).contains(made_by_restore);
    require_free_location(p, overwritten);
    if (p.makes_link) t.own_links.insert(p.link);
  }
}

// Directories are removed only while they are empty.
void remove_made(const restore_target& t) {
  for (const placed_tablespace& p : t.tablespaces.placed)
    if (p.made_location) fs::remove_directory(p.location);
  if (!t.existed) fs::remove_directory(t.directory);
}

} // namespace

void require_not_live(const std::string& directory) {
  if (!fs::link_status(directory + "/postmaster.pid")) return;
  throw failure(
      kind::refused,
      "attempting to overwrite a live data directory",
      "Found a postmaster.pid lockfile, and aborting",
      "Shut down postgres. If there is a stale lockfile, then remove it after being very sure "
      "postgres is not running.");
}

restore_target examine_target(
    const std::string& directory,
    const catalog::sentinel& backup,
    bool overwrite,
    const catalog::restore_wish& wish) {
  std::string given = std::filesystem::absolute(directory).lexically_normal().string();
  while (given.size() > 1 && given.back() == '/')
    given.pop_back();
  const auto exists = fs::status(given);
  if (exists && !S_ISDIR(exists->st_mode))
    throw failure(
        kind::configuration,
        "the directory to restore into is something else",
        "\"" + given + "\" is no directory.",
        "Name a directory that is empty or does not exist yet.");
  const bool made = !exists && make_target(given);
  restore_target t;
  t.overwrite = overwrite;
  t.directory = fs::resolve(given);
  t.locks.push_back(lock(t.directory));
  t.existed = !made; // ours to remove only since it is locked
  try {
    examine_directory(t);
    examine_tablespaces(t, backup, wish);
  } catch (...) {
    remove_made(t);
    throw;
  }
  return t;
}

void prepare_target(const restore_target& target) {
  require_not_live(target.directory);
  // Only a server that is started from now on tells that this is no unfinished restore any more.
  if (target.overwrite && fs::link_status(target.directory + "/" + started_file)) {
    fs::unlink(target.directory + "/" + started_file);
    fs::sync_directory(target.directory);
  }
  std::set<std::string> ours = target.kept_files;
  ours.insert(target.own_links.begin(), target.own_links.end());
  make_mark(target.directory, ours);
  for (const placed_tablespace& p : target.tablespaces.placed) {
    const bool was_left_over = is_marked(p.location);
    std::set<std::string> made;
    if (p.made_location) made.insert(made_by_restore);
    make_mark(p.location, made);
    if (was_left_over) empty_directory(p.location);
  }
  if (target.overwrite || target.unfinished) empty_target(target);
  make_tablespace_links(target.directory, target.tablespaces);
}

void finish_target(const restore_target& target) {
  for (const placed_tablespace& p : target.tablespaces.placed) {
    fs::unlink(p.location + "/" + unfinished_mark);
    fs::sync_directory(p.location);
  }
  fs::unlink(target.directory + "/" + unfinished_mark);
  fs::sync_directory(target.directory);
}

void undo_target(const restore_target& target) {
  empty_target(target);
  if (!target.had_tablespace_links) fs::remove_tree(target.directory + "/pg_tblspc");
  finish_target(target);
  remove_made(target);
}

} // namespace wale::command
