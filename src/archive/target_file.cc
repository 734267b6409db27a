// The files of a target tree, and making things durable.
#include "member_name.hpp"
#include "owner_names.hpp"
#include "target_call.hpp"
#include "target_tree.hpp"

#include <wale/base/error.hpp>

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <unistd.h>
#include <utility>

namespace wale::archive {
namespace {

/// Smaller files lie in one extent anyway.
constexpr std::uint64_t allocate_from = 1024 * 1024;

constexpr std::uint32_t unchanged = std::numeric_limits<std::uint32_t>::max();

// Some file systems have none for directories; PostgreSQL lets that pass, too.
bool is_without_fsync(int fd, int error) {
  struct stat s {};
  return (error == EINVAL || error == ENOTSUP) && ::fstat(fd, &s) == 0 && S_ISDIR(s.st_mode);
}

} // namespace

std::uint32_t current_umask() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("Umask:"))
      return static_cast<std::uint32_t>(std::stoul(line.substr(6), nullptr, 8));
  return 0777;
}

io::unique_fd target_tree::create_file(
    last_directory& cache, const std::string& name, std::uint32_t mode, std::uint64_t size) const {
  count_call("open", name);
  const int parent = directory(cache, parent_of(name));
  const std::string base(base_of(name));
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  io::unique_fd fd(::openat(parent, base.c_str(), flags, mode & 0777));
  if (!fd && errno == EEXIST) {
    // Never written through: the name may be a link, or another name of a file extracted before.
    remove(parent, name, "file");
    fd = io::unique_fd(::openat(parent, base.c_str(), flags, mode & 0777));
  }
  if (!fd) fail(errno, "open", name);
  if (!allocates_ || size < allocate_from) return fd;
  if (::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0 &&
      errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
    fail(errno, "fallocate", name);
  return fd;
}

void target_tree::write(
    int fd, const std::string& name, std::span<const std::byte> bytes, std::uint64_t offset) const {
  if (bytes.empty()) return;
  count_call("write", name);
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(errno, "write", name);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void target_tree::finish_file(
    io::unique_fd fd, const std::string& name, const attributes& a) const {
  change_owner(fd.get(), name, a);
  // Set-id bits are dropped: a data directory has none, and an archive could smuggle them in.
  const std::uint32_t mode = a.mode & 0777;
  if ((mode & umask_) != 0 && ::fchmod(fd.get(), mode) != 0) fail(errno, "chmod", name);
  const auto times = file_times(a.mtime_ns);
  if (::futimens(fd.get(), times.data()) != 0) fail(errno, "utimens", name);
  if (::close(fd.release()) != 0 && errno != EINTR) fail(errno, "close", name);
}

std::uint32_t target_tree::owner_number(
    std::map<std::string, std::optional<std::uint32_t>>& known,
    const std::string& name,
    std::uint64_t number,
    std::optional<std::uint32_t> (*look)(const std::string&)) const {
  const std::lock_guard lock(owners_mutex_);
  auto entry = known.find(name);
  if (entry == known.end()) {
    const auto found = name.empty() ? std::nullopt : look(name);
    entry = known.emplace(name, found).first;
  }
  if (entry->second) return *entry->second;
  return number < unchanged ? static_cast<std::uint32_t>(number) : unchanged;
}

/// By name where it exists here, else by number; only root can give files away. Works on
/// descriptors of links, too.
void target_tree::change_owner(int fd, const std::string& name, const attributes& a) const {
  if (!is_root_) return;
  const uid_t uid = owner_number(users_, a.user, a.uid, user_number);
  const gid_t gid = owner_number(groups_, a.group, a.gid, group_number);
  if (::fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
    fail(errno, "chown", name);
}

void target_tree::sync(const std::vector<std::string>& names) const {
  std::vector<io::unique_fd> open;
  last_directory cache;
  for (const std::string& name : names) {
    count_call("fsync", name);
    if (name.empty() || is_followed(name)) {
      open.push_back(open_directory(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    } else {
      const int parent = directory(cache, parent_of(name));
      open.emplace_back(::openat(
          parent,
          std::string(base_of(name)).c_str(),
          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
      if (!open.back()) fail(errno, "open", name);
    }
    ::sync_file_range(open.back().get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
  for (std::size_t i = 0; i < open.size(); ++i)
    if (::fsync(open[i].get()) != 0 && !is_without_fsync(open[i].get(), errno))
      fail(errno, "fsync", names[i]);
}

} // namespace wale::archive
