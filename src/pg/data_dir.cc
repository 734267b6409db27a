// Walks a data directory with one openat and one fstatat per object, so that a path is never
// resolved twice. A name that is gone by the time it is looked at is no error: a running server
// drops relations all the time.

#include "data_dir_rules.hpp"

#include <wale/io/unique_fd.hpp>
#include <wale/pg/data_dir.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace wale::pg {

namespace {

using file_identity = std::pair<dev_t, ino_t>;

/// A directory being walked.
struct place {
  int fd;
  std::string path;
  std::string member;

  std::string path_of(const std::string& name) const { return path + "/" + name; }
  std::string member_of(const std::string& name) const {
    return member.empty() ? name : member + "/" + name;
  }
};

bool is_gone(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR;
}

std::optional<std::string> read_target(const place& at, const std::string& name) {
  std::string target(256, '\0');
  for (;;) {
    const ssize_t n = ::readlinkat(at.fd, name.c_str(), target.data(), target.size());
    if (n < 0 && is_gone(errno)) return std::nullopt;
    if (n < 0) throw failure::system(errno, "readlink \"" + at.path_of(name) + "\"");
    if (static_cast<std::size_t>(n) < target.size()) {
      target.resize(static_cast<std::size_t>(n));
      return target;
    }
    target.resize(target.size() * 2);
  }
}

/// Sorted, without . and .. ; none if it was removed since it was opened.
std::vector<std::string> names_in(const place& at) {
  const int copy = ::openat(at.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0 && is_gone(errno)) return {};
  if (copy < 0) throw failure::system(errno, "open \"" + at.path + "\"");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy), ::closedir);
  if (!stream) {
    ::close(copy);
    throw failure::system(ENOMEM, "fdopendir \"" + at.path + "\"");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) throw failure::system(errno, "readdir \"" + at.path + "\"");
  std::sort(names.begin(), names.end());
  return names;
}

tree_entry entry_of(const struct stat& found, std::string member, std::string path) {
  tree_entry entry;
  entry.name = std::move(member);
  entry.path = std::move(path);
  entry.mode = found.st_mode & 07777;
  entry.uid = found.st_uid;
  entry.gid = found.st_gid;
  entry.mtime_ns = std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
  entry.device = found.st_dev;
  entry.inode = found.st_ino;
  entry.links = static_cast<std::uint32_t>(found.st_nlink);
  return entry;
}

class walk {
public:
  walk(
      const cluster_directory& cluster,
      const std::optional<std::string>& log_directory,
      unlogged_relations unlogged)
      : cluster_(cluster), version_prefix_("PG_" + cluster.version + "_"), unlogged_(unlogged) {
    find_log_directory(log_directory);
  }

  data_dir_plan run() {
    const io::unique_fd root(::open(cluster_.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat found;
    if (root.get() < 0 || ::fstat(root.get(), &found) != 0)
      throw failure::system(errno, "open \"" + cluster_.path + "\"");
    find_tablespaces(root.get());
    add_directory(found, "", cluster_.path);
    visit({root.get(), cluster_.path, ""});
    for (const tablespace& t : plan_.tablespaces)
      visit_tablespace(t);
    const auto by_name = [](const tree_entry& a, const tree_entry& b) { return a.name < b.name; };
    std::sort(plan_.entries.begin(), plan_.entries.end(), by_name);
    return std::move(plan_);
  }

private:
  void find_log_directory(const std::optional<std::string>& log_directory) {
    if (!log_directory || log_directory->empty()) return;
    const bool absolute = log_directory->front() == '/';
    const std::string path = absolute ? *log_directory : cluster_.path + "/" + *log_directory;
    struct stat found;
    if (::stat(path.c_str(), &found) == 0) logs_ = file_identity(found.st_dev, found.st_ino);
  }

  void find_tablespaces(int root) {
    const io::unique_fd fd(::openat(root, "pg_tblspc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) {
      if (is_gone(errno)) return;
      throw failure::system(errno, "open \"" + cluster_.path + "/pg_tblspc\"");
    }
    const place at{fd.get(), cluster_.path + "/pg_tblspc", "pg_tblspc"};
    for (const std::string& name : names_in(at)) {
      struct stat link;
      if (!is_tablespace_name(name) ||
          ::fstatat(at.fd, name.c_str(), &link, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(link.st_mode))
        continue;
      add_tablespace(at, name);
    }
    const auto by_number = [](const tablespace& a, const tablespace& b) {
      return a.oid.size() != b.oid.size() ? a.oid.size() < b.oid.size() : a.oid < b.oid;
    };
    std::sort(plan_.tablespaces.begin(), plan_.tablespaces.end(), by_number);
  }

  static bool is_tablespace_name(const std::string& name) {
    return std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  }

  void add_tablespace(const place& at, const std::string& name) {
    std::optional<std::string> target = read_target(at, name);
    if (!target) return;
    tablespace t{name, std::move(*target), at.member_of(name)};
    while (t.location.size() > 1 && t.location.back() == '/')
      t.location.pop_back();
    struct stat found; // not through the link: DROP TABLESPACE removes that, and not the directory
    if (::fstatat(at.fd, t.location.c_str(), &found, 0) != 0 || !S_ISDIR(found.st_mode))
      throw failure(
          kind::refused,
          "a tablespace is not there",
          "\"" + at.path_of(name) + "\" points to \"" + t.location + "\", which is no directory.",
          "A backup without it could not be started. Is a file system not mounted?");
    locations_.emplace(found.st_dev, found.st_ino);
    plan_.tablespaces.push_back(std::move(t));
  }

  /// Only the directories of this server's version: others may share the location.
  void visit_tablespace(const tablespace& t) {
    const std::string path = cluster_.path + "/" + t.link;
    const io::unique_fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) {
      if (is_gone(errno)) return;
      throw failure::system(errno, "open \"" + path + "\"");
    }
    const place at{fd.get(), path, t.link};
    for (const std::string& name : names_in(at))
      if (name.starts_with(version_prefix_)) visit_entry(at, name, verdict::keep);
  }

  void visit(const place& at) {
    const std::vector<std::string> names = names_in(at);
    const bool has_relations = is_database_directory(at.member);
    const bool looks_for_unlogged = has_relations && unlogged_ == unlogged_relations::left_out;
    // Looked at once more: of a relation that was made meanwhile the first look may have seen the
    // main fork and not the init fork, and a restored server stops at the former once.
    const relation_filter relations(looks_for_unlogged ? names_in(at) : std::vector<std::string>{});
    for (const std::string& name : names) {
      const verdict v = rule_for(at.member, name);
      if (v == verdict::drop || (has_relations && relations.drops(name))) continue;
      visit_entry(at, name, v);
    }
  }

  void visit_entry(const place& at, const std::string& name, verdict v) {
    struct stat found;
    const int flags = v == verdict::empty ? 0 : AT_SYMLINK_NOFOLLOW;
    int result = ::fstatat(at.fd, name.c_str(), &found, flags);
    if (result != 0 && flags == 0 && is_gone(errno)) // a dangling link stays one
      result = ::fstatat(at.fd, name.c_str(), &found, AT_SYMLINK_NOFOLLOW);
    if (result != 0) {
      if (is_gone(errno)) return;
      throw failure::system(errno, "stat \"" + at.path_of(name) + "\"");
    }
    if (S_ISLNK(found.st_mode) && is_movable_directory(at.member_of(name)))
      look_behind(at, name, found);
    if (S_ISDIR(found.st_mode))
      visit_directory(at, name, v, found);
    else
      add_object(at, name, found);
  }

  /// Only at a directory: configuration may be linked, and stays so.
  static void look_behind(const place& at, const std::string& name, struct stat& found) {
    struct stat behind;
    const int result = ::fstatat(at.fd, name.c_str(), &behind, 0);
    if (result == 0 && S_ISDIR(behind.st_mode)) found = behind;
  }

  void
  visit_directory(const place& at, const std::string& name, verdict v, const struct stat& found) {
    const place inner{-1, at.path_of(name), at.member_of(name)};
    if (v == verdict::empty) {
      add_directory(found, inner.member, inner.path);
      add_wal_directories(inner);
      return;
    }
    const file_identity identity(found.st_dev, found.st_ino);
    const bool is_log = logs_ == identity && !is_cluster_data(inner.member);
    const bool is_own = is_movable_directory(inner.member); // even where a tablespace lies, too
    if (is_log || (locations_.contains(identity) && !is_own)) {
      add_directory(found, inner.member, inner.path);
      return;
    }
    const int no_link = is_own ? 0 : O_NOFOLLOW;
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | no_link;
    const io::unique_fd fd(::openat(at.fd, name.c_str(), flags));
    if (fd.get() < 0) {
      if (is_gone(errno)) return;
      throw failure::system(errno, "open \"" + inner.path + "\"");
    }
    add_directory(found, inner.member, inner.path);
    visit({fd.get(), inner.path, inner.member});
  }

  /// What PostgreSQL expects in pg_wal when it starts from a backup.
  void add_wal_directories(const place& wal) {
    if (wal.member != "pg_wal" && wal.member != "pg_xlog") return;
    for (const char* name : {"archive_status", "summaries"}) {
      struct stat found;
      const std::string path = wal.path_of(name);
      if (::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode))
        add_directory(found, wal.member_of(name), path);
    }
  }

  bool is_link_to_tablespace(const std::string& member) const {
    const auto is_it = [&](const tablespace& t) { return t.link == member; };
    return std::any_of(plan_.tablespaces.begin(), plan_.tablespaces.end(), is_it);
  }

  void add_directory(const struct stat& found, std::string member, std::string path) {
    tree_entry entry = entry_of(found, std::move(member), std::move(path));
    entry.type = tree_entry::kind::directory;
    plan_.entries.push_back(std::move(entry));
  }

  void add_object(const place& at, const std::string& name, const struct stat& found) {
    tree_entry entry = entry_of(found, at.member_of(name), at.path_of(name));
    if (S_ISREG(found.st_mode)) {
      const bool is_mended = is_database_directory(at.member) && parse_relation_file(name);
      entry.is_sized_when_opened = !is_mended;
      entry.size = static_cast<std::uint64_t>(found.st_size);
      plan_.bytes += entry.size;
    } else if (S_ISLNK(found.st_mode)) {
      if (is_link_to_tablespace(entry.name)) return;
      entry.type = tree_entry::kind::symlink;
      std::optional<std::string> target = read_target(at, name);
      if (!target) return;
      entry.link_target = std::move(*target);
    } else if (S_ISFIFO(found.st_mode)) {
      entry.type = tree_entry::kind::fifo;
    } else {
      explanation warning{"skipping a file that cannot be archived"};
      warning.detail = "\"" + entry.path + "\" is a socket or a device.";
      plan_.warnings.push_back(std::move(warning));
      return;
    }
    plan_.entries.push_back(std::move(entry));
  }

  const cluster_directory& cluster_;
  std::string version_prefix_;
  unlogged_relations unlogged_;
  data_dir_plan plan_;
  std::set<file_identity> locations_;
  std::optional<file_identity> logs_;
};

failure not_a_cluster(const std::string& path, const std::string& why) {
  return failure(
      kind::configuration,
      "not a PostgreSQL data directory",
      "\"" + path + "\" " + why,
      "Give the directory that SHOW data_directory prints.");
}

std::string make_absolute(const std::string& given) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path path = fs::absolute(given, error);
  if (error) throw failure::system(error.value(), "getcwd");
  // `..` behind a link does not lead where it reads: only then are links resolved.
  const bool has_dots = std::find(path.begin(), path.end(), "..") != path.end();
  path = has_dots ? fs::weakly_canonical(path, error) : path.lexically_normal();
  if (error) throw failure::system(error.value(), "resolve \"" + given + "\"");
  std::string text = path.string();
  while (text.size() > 1 && text.back() == '/')
    text.pop_back();
  return text;
}

} // namespace

cluster_directory find_cluster(const std::string& given) {
  if (given.empty()) throw not_a_cluster(given, "is an empty name.");
  cluster_directory cluster;
  cluster.path = make_absolute(given);
  struct stat found;
  if (::stat(cluster.path.c_str(), &found) != 0)
    throw not_a_cluster(cluster.path, "cannot be looked at: " + describe_errno(errno) + ".");
  if (!S_ISDIR(found.st_mode)) throw not_a_cluster(cluster.path, "is not a directory.");
  if (::access((cluster.path + "/PG_VERSION").c_str(), R_OK) != 0 && errno == EACCES)
    throw failure::system(
        EACCES, "open \"" + cluster.path + "/PG_VERSION\"", "could not read the data directory");
  std::ifstream file(cluster.path + "/PG_VERSION");
  if (!file || !std::getline(file, cluster.version))
    throw not_a_cluster(cluster.path, "has no readable PG_VERSION.");
  int number = 0;
  const char* end = cluster.version.data() + cluster.version.size();
  const auto [stop, error] = std::from_chars(cluster.version.data(), end, number);
  if (error != std::errc{} || number <= 0)
    throw not_a_cluster(cluster.path, "has a PG_VERSION that is no version.");
  if (::stat((cluster.path + "/global/pg_control").c_str(), &found) != 0)
    throw not_a_cluster(cluster.path, "has no global/pg_control.");
  return cluster;
}

std::string wal_directory_name(const cluster_directory& cluster) {
  return cluster.version.starts_with("9.") ? "pg_xlog" : "pg_wal";
}

std::string default_log_directory(const cluster_directory& cluster) {
  return cluster.version.starts_with("9.") ? "pg_log" : "log";
}

data_dir_plan scan_data_directory(
    const cluster_directory& cluster,
    const std::optional<std::string>& log_directory,
    unlogged_relations unlogged) {
  return walk(cluster, log_directory, unlogged).run();
}

} // namespace wale::pg
