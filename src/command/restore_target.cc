// docs/design.md "Restore" has the rules and what was measured.
#include "restore_target.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr mode_t private_directory = 0700;

// What WAL-E's users put into the target before they restore.
constexpr std::array configuration_files{
    "postgresql.conf",
    "pg_hba.conf",
    "pg_ident.conf",
    "recovery.conf",
    "standby.signal",
    "recovery.signal"};

// What a restore that was killed while it wrote its mark leaves; the next one replaces it.
constexpr const char* unwritten_mark = ".wal-e-unfinished-restore-new";

constexpr std::array wal_directories{"pg_wal", "pg_xlog"};

bool is_configuration(const std::string& name) {
  return std::ranges::find(configuration_files, name) != configuration_files.end();
}

bool is_marked(const std::string& directory) {
  return fs::link_status(directory + "/" + unfinished_mark).has_value();
}

std::vector<fs::entry> entries_of(const std::string& directory) {
  if (!fs::status(directory)) return {};
  return fs::list_directory(directory);
}

bool is_link_to_directory(const std::string& path) {
  const auto s = fs::link_status(path);
  return s && S_ISLNK(s->st_mode) && fs::is_directory(path);
}

bool is_inside(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

std::optional<std::string> resolved(const std::string& path) {
  if (path.empty() || !fs::status(path)) return std::nullopt;
  return fs::resolve(path);
}

// Where the backed-up cluster lives, if it lives on this machine and is not what we overwrite.
std::vector<std::string>
source_directories(const catalog::sentinel& backup, const std::string& target) {
  std::vector<std::string> directories;
  const auto base = resolved(backup.base_prefix);
  if (!base || *base == target || entries_of(*base).empty()) return directories;
  directories.push_back(*base);
  for (const catalog::tablespace& t : backup.tablespaces)
    if (const auto location = resolved(t.location)) directories.push_back(*location);
  return directories;
}

void require_links(const std::string& directory, const catalog::sentinel& backup) {
  std::string missing;
  for (const catalog::tablespace& t : backup.tablespaces) {
    const std::string link = directory + "/pg_tblspc/" + t.oid;
    if (is_link_to_directory(link)) continue;
    missing += (missing.empty() ? "" : "\n") + link + " (it was at " + t.location + ")";
  }
  if (missing.empty()) return;
  throw failure(
      kind::refused,
      "Symlinks for some tablespaces not found or created.",
      "Symlinks missing:\n" + missing,
      "Make an empty directory for each tablespace and a symbolic link to it, for example: ln -s "
      "/new/place " +
          directory + "/pg_tblspc/" + backup.tablespaces.front().oid);
}

bool overlaps(const std::string& a, const std::string& b) {
  return is_inside(a, b) || is_inside(b, a);
}

// What a tablespace's directory may hold although it is to be overwritten: anything else was never
// a tablespace.
bool is_of_a_tablespace(const std::string& name) {
  return name.starts_with("PG_") && name != "PG_VERSION";
}

void require_place_of_its_own(
    const placed_tablespace& t,
    const restore_target& target,
    const std::vector<std::string>& sources) {
  for (const std::string& source : sources)
    if (overlaps(t.location, source))
      throw failure(
          kind::refused,
          "a tablespace would be restored into the files of the cluster that was backed up",
          t.link + " leads to " + t.location + ", which belongs to " + source + ".",
          "Point the link to an empty directory elsewhere.");
  std::string other = overlaps(t.location, target.directory) ? target.directory : "";
  for (const placed_tablespace& p : target.tablespaces)
    if (overlaps(t.location, p.location)) other = p.link;
  if (!other.empty())
    throw failure(
        kind::refused,
        "a tablespace needs a place of its own",
        t.link + " leads to " + t.location + ", which overlaps with " + other + ".",
        "Point the link to an empty directory elsewhere.");
}

void require_free_location(const placed_tablespace& t, bool overwrite) {
  const bool is_ours = is_marked(t.location);
  for (const fs::entry& e : entries_of(t.location)) {
    if (e.name == "lost+found" || e.name == unwritten_mark || e.name == unfinished_mark) continue;
    if ((overwrite || is_ours) && is_of_a_tablespace(e.name)) continue;
    throw failure(
        kind::refused,
        "the place of a tablespace is not empty",
        t.location + " holds \"" + e.name + "\".",
        is_of_a_tablespace(e.name)
            ? "Empty it, point " + t.link + " elsewhere, or pass --overwrite."
            : "Is it the right directory? Empty it, or point " + t.link + " elsewhere.");
  }
}

bool may_stay(const fs::entry& e, const std::string& path) {
  if (e.name == "lost+found" || e.name == unwritten_mark || is_configuration(e.name) ||
      e.name == "pg_tblspc")
    return true;
  const bool is_wal = std::ranges::find(wal_directories, e.name) != wal_directories.end();
  return is_wal && is_link_to_directory(path) && entries_of(path).empty();
}

void require_free_target(const std::string& directory, const std::vector<fs::entry>& entries) {
  const auto refuse = [&](const std::string& name) {
    throw failure(
        kind::refused,
        "the directory to restore into is not empty",
        directory + " holds \"" + name + "\".",
        "Restore into an empty directory, or pass --overwrite to remove a cluster that is there.");
  };
  for (const fs::entry& e : entries) {
    if (!may_stay(e, directory + "/" + e.name)) refuse(e.name);
    if (e.name != "pg_tblspc") continue;
    for (const fs::entry& link : entries_of(directory + "/pg_tblspc"))
      if (link.type != DT_LNK) refuse("pg_tblspc/" + link.name);
  }
}

// Whole or not at all: what it does not list is removed by the next attempt.
void make_mark(const std::string& directory, const std::set<std::string>& kept = {}) {
  std::string text;
  for (const std::string& name : kept)
    text += name + "\n";
  const std::string path = directory + "/" + unfinished_mark;
  const std::string written = directory + "/" + unwritten_mark;
  const int fd = ::open(written.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    throw failure::system(errno, "open \"" + written + "\"", "could not write into the target");
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = whole && ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error)
    throw failure::system(error, "write \"" + written + "\"", "could not write into the target");
  fs::rename(written, path);
  fs::sync_directory(directory);
}

// The operator's configuration files: all that are there, or what the mark of an earlier attempt
// lists of them.
std::set<std::string> kept_files_of(const std::string& directory) {
  std::set<std::string> kept;
  const auto mark = fs::read_small(directory + "/" + unfinished_mark);
  const std::string listed = mark ? "\n" + *mark : "";
  for (const fs::entry& e : entries_of(directory))
    if (is_configuration(e.name) && (!mark || listed.find("\n" + e.name + "\n") != listed.npos))
      kept.insert(e.name);
  return kept;
}

void empty_directory(const std::string& directory) {
  for (const fs::entry& e : entries_of(directory))
    if (e.name != "lost+found" && e.name != unfinished_mark)
      fs::remove_tree(directory + "/" + e.name);
}

// Links in pg_tblspc are the operator's, unless all may go; directories there are in-place
// tablespaces.
void empty_tablespace_links(const restore_target& t) {
  for (const fs::entry& e : entries_of(t.directory + "/pg_tblspc")) {
    const std::string link = "pg_tblspc/" + e.name;
    const bool is_ours =
        std::ranges::find(t.tablespaces, link, &placed_tablespace::link) != t.tablespaces.end();
    if (is_ours || (e.type == DT_LNK && !t.overwrite)) continue;
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
  for (const placed_tablespace& p : t.tablespaces)
    empty_directory(p.location);
}

void make_target(const std::string& directory) {
  const std::size_t slash = directory.rfind('/');
  const std::string parent = slash == 0 ? "/" : directory.substr(0, slash);
  if (!fs::is_directory(parent))
    throw failure(
        kind::configuration,
        "the directory to restore into cannot be made",
        "\"" + parent + "\" is no directory.",
        "Make it first, or mount what belongs there.");
  if (fs::make_directory(directory, private_directory)) fs::sync_directory(parent);
}

std::string escaped(const std::string& path) {
  std::string text;
  for (char c : path) {
    if (c == '\n' || c == '\r' || c == '\\') text += '\\';
    text += c;
  }
  return text;
}

void examine_directory(restore_target& t) {
  require_not_live(t.directory);
  const std::vector<fs::entry> entries = entries_of(t.directory);
  t.had_tablespace_links = fs::is_directory(t.directory + "/pg_tblspc");
  // A server that was started since has written postmaster.opts, which no backup holds.
  const bool was_started = fs::link_status(t.directory + "/postmaster.opts").has_value();
  t.unfinished = is_marked(t.directory) && !was_started;
  // Overwriting what is no data directory is more likely a mistyped name than a wish.
  const bool is_cluster = fs::link_status(t.directory + "/PG_VERSION").has_value();
  if (!t.unfinished && !(t.overwrite && is_cluster)) require_free_target(t.directory, entries);
  if (!t.overwrite) t.kept_files = kept_files_of(t.directory);
  for (const char* wal : wal_directories)
    if (is_link_to_directory(t.directory + "/" + wal)) t.wal_links.insert(wal);
}

void examine_tablespaces(restore_target& t, const catalog::sentinel& backup) {
  require_links(t.directory, backup);
  const std::vector<std::string> sources = source_directories(backup, t.directory);
  for (const catalog::tablespace& b : backup.tablespaces) {
    placed_tablespace p;
    p.oid = b.oid;
    p.link = "pg_tblspc/" + b.oid;
    p.location = fs::resolve(t.directory + "/" + p.link);
    require_place_of_its_own(p, t, sources);
    t.locks.push_back(std::make_shared<directory_lock>(p.location));
    require_free_location(p, t.overwrite);
    t.tablespaces.push_back(std::move(p));
  }
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

directory_lock::directory_lock(const std::string& directory)
    : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw failure::system(errno, "open \"" + directory + "\"");
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(fd_);
  throw failure(
      kind::refused,
      "another restore into this directory is running",
      "\"" + directory + "\" is locked.",
      "Wait for it to end, or stop it.");
}

directory_lock::~directory_lock() {
  ::close(fd_);
}

restore_target
examine_target(const std::string& directory, const catalog::sentinel& backup, bool overwrite) {
  restore_target t;
  t.overwrite = overwrite;
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
  t.existed = exists.has_value();
  if (!t.existed) {
    require_links(given, backup);
    make_target(given);
  }
  t.directory = fs::resolve(given);
  t.locks.push_back(std::make_shared<directory_lock>(t.directory));
  examine_directory(t);
  examine_tablespaces(t, backup);
  return t;
}

void prepare_target(const restore_target& target) {
  require_not_live(target.directory);
  make_mark(target.directory, target.kept_files);
  for (const placed_tablespace& p : target.tablespaces) {
    const bool was_left_over = is_marked(p.location);
    make_mark(p.location);
    if (was_left_over) empty_directory(p.location);
  }
  if (target.overwrite || target.unfinished) empty_target(target);
}

std::string tablespace_map(const restore_target& target) {
  std::string text;
  for (const placed_tablespace& p : target.tablespaces)
    text += p.oid + " " + escaped(p.location) + "\n";
  return text;
}

void finish_target(const restore_target& target) {
  for (const placed_tablespace& p : target.tablespaces) {
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
  if (!target.existed) fs::remove_directory(target.directory);
}

} // namespace wale::command
