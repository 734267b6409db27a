// Reaching directories, and making what is not a file in them. Files: target_file.cc.
#include "target_tree.hpp"

#include "member_name.hpp"
#include "target_call.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

namespace wale::archive {
namespace {

constexpr int directory_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

/// openat2(2) of Linux 5.6, which glibc 2.36 does not wrap.
int openat2_beneath(int from, const char* below, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, from, below, &how, sizeof how));
}

bool is_symlink(int parent, const char* base) {
  struct stat st {};
  return ::fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

} // namespace

attributes attributes_of(const tar_member& m) {
  attributes a;
  a.mode = m.mode;
  a.uid = m.uid;
  a.gid = m.gid;
  a.user = m.user;
  a.group = m.group;
  a.mtime_ns = m.mtime_ns;
  return a;
}

target_tree::target_tree(std::string target, const std::vector<std::string>& followed)
    : target_(std::move(target)), is_root_(::geteuid() == 0), umask_(current_umask()) {
  root top;
  top.fd = io::unique_fd(::open(target_.c_str(), directory_flags));
  if (!top.fd) fail(errno, "open", "");
  struct statfs about {};
  allocates_ = ::fstatfs(top.fd.get(), &about) != 0 || about.f_type != TMPFS_MAGIC;
  roots_.push_back(std::move(top));
  for (const std::string& name : followed) {
    root r;
    r.name = clean_name(name);
    r.fd = io::unique_fd(::open(path_of(r.name).c_str(), directory_flags));
    if (!r.fd) fail(errno, "open", r.name);
    roots_.push_back(std::move(r));
  }
  const io::unique_fd probe(openat2_beneath(roots_[0].fd.get(), ".", directory_flags));
  has_openat2_ = static_cast<bool>(probe);
}

std::string target_tree::path_of(std::string_view name) const {
  return name.empty() ? target_ : target_ + '/' + std::string(name);
}

bool target_tree::is_followed(std::string_view name) const {
  return std::any_of(
      roots_.begin() + 1, roots_.end(), [&](const root& r) { return r.name == name; });
}

/// The trusted directory closest to `name`, and the way from there.
target_tree::place target_tree::locate(std::string_view name) const {
  place best{&roots_[0], std::string(name)};
  for (std::size_t i = 1; i < roots_.size(); ++i) {
    const root& r = roots_[i];
    const bool inside =
        name.starts_with(r.name) && (name.size() == r.name.size() || name[r.name.size()] == '/');
    if (!inside || r.name.size() < best.from->name.size()) continue;
    best = {&r, std::string(name.substr(std::min(name.size(), r.name.size() + 1)))};
  }
  return best;
}

io::unique_fd
target_tree::open_beneath(int from, const std::string& below, int flags, int& error) const {
  io::unique_fd fd;
  if (below.empty()) {
    fd = io::unique_fd(::openat(from, ".", flags));
  } else if (has_openat2_) {
    fd = io::unique_fd(openat2_beneath(from, below.c_str(), flags));
  } else {
    return walk(from, below, flags, false, error);
  }
  error = fd ? 0 : errno;
  return fd;
}

io::unique_fd
target_tree::walk(int from, const std::string& below, int flags, bool create, int& error) const {
  io::unique_fd here;
  int parent = from;
  for (std::size_t at = 0; at < below.size();) {
    const std::size_t slash = std::min(below.find('/', at), below.size());
    const std::string part = below.substr(at, slash - at);
    at = slash + 1;
    if (create && ::mkdirat(parent, part.c_str(), 0700) != 0 && errno != EEXIST) {
      error = errno;
      return {};
    }
    const int wanted = (at < below.size() ? directory_flags : flags) | O_NOFOLLOW;
    io::unique_fd next(::openat(parent, part.c_str(), wanted));
    if (!next) {
      error = errno;
      // With O_DIRECTORY a link is reported as "no directory".
      if (error == ENOTDIR && is_symlink(parent, part.c_str())) error = ELOOP;
      return {};
    }
    here = std::move(next);
    parent = here.get();
  }
  error = 0;
  return here;
}

io::unique_fd target_tree::open_directory(std::string_view name, int flags) const {
  const place p = locate(name);
  int error = 0;
  io::unique_fd fd = open_beneath(p.from->fd.get(), p.below, flags, error);
  if (error == ENOENT) fd = walk(p.from->fd.get(), p.below, flags, true, error);
  if (error == ELOOP || error == EXDEV) refuse_link(name);
  if (error != 0) fail(error, "open", name);
  return fd;
}

int target_tree::directory(last_directory& cache, std::string_view name) const {
  if (!cache.fd || cache.name != name) {
    cache.fd = open_directory(name, directory_flags);
    cache.name = name;
  }
  return cache.fd.get();
}

bool target_tree::exists(last_directory& cache, const std::string& name) const {
  const int parent = directory(cache, parent_of(name));
  struct stat st {};
  return ::fstatat(parent, std::string(base_of(name)).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/// Makes the name free: an empty directory may go, a full one is somebody's data.
void target_tree::remove(int parent, const std::string& name, const char* for_what) const {
  const std::string base(base_of(name));
  if (::unlinkat(parent, base.c_str(), 0) == 0) return;
  if (errno != EISDIR && errno != EPERM) fail(errno, "unlink", name);
  if (::unlinkat(parent, base.c_str(), AT_REMOVEDIR) == 0) return;
  if (errno != ENOTEMPTY && errno != EEXIST) fail(errno, "rmdir", name);
  throw failure(
      kind::refused,
      "a directory that is not empty is in the way of a member",
      "\"" + path_of(name) + "\" is to become a " + for_what + ".",
      "Move the directory away, then restore again.");
}

void target_tree::make_directory(last_directory& cache, const std::string& name) const {
  if (name.empty() || is_followed(name)) return;
  count_call("mkdir", name);
  const int parent = directory(cache, parent_of(name));
  const std::string base(base_of(name));
  if (::mkdirat(parent, base.c_str(), 0700) == 0) return;
  if (errno != EEXIST) fail(errno, "mkdir", name);
  struct stat st {};
  if (::fstatat(parent, base.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) fail(errno, "stat", name);
  if (S_ISDIR(st.st_mode)) return;
  if (S_ISLNK(st.st_mode)) refuse_link(name);
  throw failure(
      kind::refused,
      "something is in the way of a directory of the archive",
      "\"" + path_of(name) + "\" is no directory.",
      "Move it away, then restore again.");
}

void target_tree::finish_directory(const std::string& name, const attributes& a) const {
  if (is_followed(name)) return;
  count_call("chmod", name);
  const io::unique_fd fd = open_directory(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  change_owner(fd.get(), name, a);
  if (::fchmod(fd.get(), a.mode & 07777) != 0) fail(errno, "chmod", name);
  const auto times = file_times(a.mtime_ns);
  if (::futimens(fd.get(), times.data()) != 0) fail(errno, "utimens", name);
}

void target_tree::make_symlink(
    const std::string& name, const std::string& to, const attributes& a) const {
  if (is_followed(name)) return;
  count_call("symlink", name);
  last_directory cache;
  const int parent = directory(cache, parent_of(name));
  const std::string base(base_of(name));
  if (::symlinkat(to.c_str(), parent, base.c_str()) != 0) {
    if (errno != EEXIST) fail(errno, "symlink", name);
    remove(parent, name, "symbolic link");
    if (::symlinkat(to.c_str(), parent, base.c_str()) != 0) fail(errno, "symlink", name);
  }
  const io::unique_fd link(::openat(parent, base.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!link) fail(errno, "open", name);
  change_owner(link.get(), name, a);
  const auto times = file_times(a.mtime_ns);
  if (::utimensat(parent, base.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    fail(errno, "utimens", name);
}

void target_tree::make_hard_link(const std::string& name, const std::string& to) const {
  count_call("link", name);
  if (name == to) return;
  last_directory cache;
  last_directory cache_to;
  const int parent = directory(cache, parent_of(name));
  const int parent_to = directory(cache_to, parent_of(to));
  const std::string base(base_of(name));
  const std::string base_to(base_of(to));
  // Without AT_SYMLINK_FOLLOW a link member's other name is the link, never what it points to.
  if (::linkat(parent_to, base_to.c_str(), parent, base.c_str(), 0) == 0) return;
  if (errno != EEXIST) fail(errno, "link", name);
  remove(parent, name, "hard link");
  if (::linkat(parent_to, base_to.c_str(), parent, base.c_str(), 0) != 0) fail(errno, "link", name);
}

void target_tree::make_fifo(const std::string& name, const attributes& a) const {
  count_call("mkfifo", name);
  last_directory cache;
  const int parent = directory(cache, parent_of(name));
  const std::string base(base_of(name));
  const mode_t mode = a.mode & 0777;
  if (::mkfifoat(parent, base.c_str(), mode) != 0) {
    if (errno != EEXIST) fail(errno, "mkfifo", name);
    remove(parent, name, "fifo");
    if (::mkfifoat(parent, base.c_str(), mode) != 0) fail(errno, "mkfifo", name);
  }
  const io::unique_fd fifo(::openat(parent, base.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fifo) fail(errno, "open", name);
  change_owner(fifo.get(), name, a);
  const auto times = file_times(a.mtime_ns);
  if (::utimensat(parent, base.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    fail(errno, "utimens", name);
}

void target_tree::fail(int error, const char* call, std::string_view name) const {
  throw failure::system(
      error,
      std::string(call) + " \"" + path_of(name) + '"',
      "the restored files cannot be written");
}

void target_tree::refuse_link(std::string_view name) const {
  throw failure(
      kind::refused,
      "a member of the archive leads through a symbolic link",
      "The way to \"" + path_of(name) + "\" has a symbolic link in it.",
      "If the link was put there on purpose, move it away and restore again; if not, do not trust "
      "this archive.");
}

} // namespace wale::archive
