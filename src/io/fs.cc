// Calls about one path.
#include "fs_call.hpp"

#include <wale/io/fs.hpp>

#include <array>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/magic.h>
#include <memory>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace wale::io::fs {

namespace {

using stat_call = int (*)(const char*, struct stat*);

std::optional<struct stat> status_by(stat_call call, const char* name, const std::string& path) {
  begin(name, path);
  struct stat result;
  if (call(path.c_str(), &result) == 0) return result;
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  fail(name, path);
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat sa;
  struct stat sb;
  return ::lstat(a.c_str(), &sa) == 0 && ::lstat(b.c_str(), &sb) == 0 && sa.st_dev == sb.st_dev &&
         sa.st_ino == sb.st_ino;
}

void remove_first_name(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("unlink", path);
}

bool cannot_link(int error) noexcept {
  return error == EPERM || error == EOPNOTSUPP || error == ENOSYS || error == EMLINK;
}

// syncfs(2) reports write-back errors since Linux 5.8 (its manual page, "VERSIONS").
bool kernel_reports_syncfs_errors() {
  utsname u;
  int major = 0;
  int minor = 0;
  if (::uname(&u) != 0 || std::sscanf(u.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 8);
}

bool is_known_local(int fd) {
  struct statfs s;
  if (::fstatfs(fd, &s) != 0) return false;
  constexpr long xfs = 0x58465342; // XFSB, not in linux/magic.h
  switch (static_cast<long>(s.f_type)) {
  case EXT4_SUPER_MAGIC: // ext2 and ext3 have the same
  case BTRFS_SUPER_MAGIC:
  case F2FS_SUPER_MAGIC:
  case TMPFS_MAGIC:
  case xfs:
    return true;
  default:
    return false;
  }
}

} // namespace

std::optional<struct stat> status(const std::string& path) {
  return status_by(&::stat, "stat", path);
}

std::optional<struct stat> link_status(const std::string& path) {
  return status_by(&::lstat, "lstat", path);
}

bool is_directory(const std::string& path) {
  const auto s = status(path);
  return s && S_ISDIR(s->st_mode);
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool make_directory(const std::string& path, mode_t mode) {
  begin("mkdir", path);
  if (::mkdir(path.c_str(), mode) == 0) return true;
  if (errno != EEXIST) fail("mkdir", path);
  struct stat s;
  if (::stat(path.c_str(), &s) == 0 && !S_ISDIR(s.st_mode)) fail("mkdir", path, ENOTDIR);
  return false;
}

void sync_directory(const std::string& path) {
  begin("fsync", path);
  const unique_fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail("open", path);
  if (::fsync(fd.get()) == 0 || errno == EINVAL || errno == ENOTSUP) return;
  fail("fsync", path);
}

bool can_sync_filesystem(int fd) {
  return kernel_reports_syncfs_errors() && is_known_local(fd);
}

void sync_filesystem(int fd) {
  const std::string name = "descriptor " + std::to_string(fd);
  begin("syncfs", name);
  if (::syncfs(fd) != 0) fail("syncfs", name);
}

void rename(const std::string& from, const std::string& to) {
  begin("rename", to);
  if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", to);
}

publish rename_noreplace(const std::string& from, const std::string& to) {
  begin("link", to);
  if (::link(from.c_str(), to.c_str()) == 0) {
    remove_first_name(from);
    return publish::done;
  }
  if (errno == EEXIST) {
    // A lost answer of a network file system: the link is ours already.
    if (!same_file(from, to)) return publish::exists;
    remove_first_name(from);
    return publish::done;
  }
  if (!cannot_link(errno)) fail("link", to);
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return publish::done;
  }
  if (errno == EEXIST) return publish::exists;
  fail("renameat2", to);
}

bool unlink(const std::string& path) {
  begin("unlink", path);
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  fail("unlink", path);
}

bool remove_directory(const std::string& path) {
  begin("rmdir", path);
  if (::rmdir(path.c_str()) == 0) return true;
  if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST) return false;
  fail("rmdir", path);
}

void symlink(const std::string& target, const std::string& path) {
  begin("symlink", path);
  if (::symlink(target.c_str(), path.c_str()) != 0) fail("symlink", path);
}

std::string read_link(const std::string& path) {
  begin("readlink", path);
  std::string target(PATH_MAX, '\0');
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  if (n < 0) fail("readlink", path);
  target.resize(static_cast<std::size_t>(n));
  return target;
}

std::string resolve(const std::string& path) {
  begin("realpath", path);
  const std::unique_ptr<char, decltype(&std::free)> text(
      ::realpath(path.c_str(), nullptr), &std::free);
  if (!text) fail("realpath", path);
  return text.get();
}

std::optional<std::string> read_small(const std::string& path, std::size_t limit) {
  begin("open", path);
  const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    fail("open", path);
  }
  std::string content;
  std::array<char, 16 * 1024> part;
  while (true) {
    const ssize_t n = ::read(fd.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path);
    if (n == 0) return content;
    content.append(part.data(), static_cast<std::size_t>(n));
    if (content.size() > limit) {
      throw failure(
          kind::corrupt,
          "a file is larger than it can be",
          "\"" + path + "\" has more than " + std::to_string(limit) + " bytes.");
    }
  }
}

std::optional<std::string> get_attribute(const std::string& path, const char* name) {
  begin("getxattr", path);
  std::array<char, 4096> value;
  const ssize_t n = ::getxattr(path.c_str(), name, value.data(), value.size());
  if (n >= 0) return std::string(value.data(), static_cast<std::size_t>(n));
  switch (errno) {
  case ENODATA:
  case ENOTSUP:
  case ENOSYS:
  case ENOENT:
  case ENOTDIR:
    return std::nullopt;
  default:
    fail("getxattr", path);
  }
}

void allocate(int fd, std::uint64_t offset, std::uint64_t length) {
  begin("fallocate", "descriptor " + std::to_string(fd));
  ::fallocate(fd, 0, static_cast<off_t>(offset), static_cast<off_t>(length));
}

void let_wait(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK)) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

void set_length(int fd, std::uint64_t length) {
  const std::string what = "descriptor " + std::to_string(fd);
  begin("ftruncate", what);
  if (::ftruncate(fd, static_cast<off_t>(length)) != 0) fail("ftruncate", what);
}

bool set_attribute(int fd, const char* name, std::string_view value) {
  const std::string what = "descriptor " + std::to_string(fd);
  begin("fsetxattr", what);
  if (::fsetxattr(fd, name, value.data(), value.size(), 0) == 0) return true;
  switch (errno) {
  case ENOTSUP: // none at all, or not of this kind
  case ENOSYS:
  case EPERM:
  case EACCES:
  case EINVAL:
  case E2BIG: // not of this size
  case ERANGE:
  case ENOSPC: // ext4 keeps them in one block
  case EDQUOT:
    return false;
  default:
    fail("fsetxattr", what);
  }
}

} // namespace wale::io::fs
