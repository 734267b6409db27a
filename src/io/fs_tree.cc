// Calls about directories and what is below them. Walks go by descriptor, so that a link put in
// their way leads nowhere.
#include "fs_call.hpp"

#include <wale/io/fs.hpp>

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace wale::io::fs {

namespace {

struct close_directory {
  void operator()(DIR* d) const noexcept { ::closedir(d); }
};
using directory = std::unique_ptr<DIR, close_directory>;

bool is_dots(const char* name) noexcept {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

unsigned char type_of_mode(mode_t mode) noexcept {
  return static_cast<unsigned char>(IFTODT(mode));
}

// nullopt: it vanished meanwhile.
std::optional<unsigned char> type_of(int dir, const dirent& e, const std::string& path) {
  if (e.d_type != DT_UNKNOWN) return e.d_type;
  struct stat s;
  if (::fstatat(dir, e.d_name, &s, AT_SYMLINK_NOFOLLOW) == 0) return type_of_mode(s.st_mode);
  if (errno == ENOENT) return std::nullopt;
  fail("fstatat", path + "/" + e.d_name);
}

// Takes `dir`, which is open on `path`.
std::vector<entry> entries_of(unique_fd dir, const std::string& path) {
  const directory stream(::fdopendir(dir.get()));
  if (!stream) fail("opendir", path);
  const int fd = dir.release();
  std::vector<entry> entries;
  while (true) {
    errno = 0;
    const dirent* const e = ::readdir(stream.get());
    if (!e && errno) fail("readdir", path);
    if (!e) return entries;
    if (is_dots(e->d_name)) continue;
    if (const auto type = type_of(fd, *e, path)) entries.push_back({e->d_name, *type});
  }
}

void remove_below(int parent, const std::string& name, const std::string& path) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const unique_fd dir(::openat(parent, name.c_str(), flags));
  if (!dir) {
    if (errno == ENOENT) return;
    fail("open", path);
  }
  unique_fd listed(::fcntl(dir.get(), F_DUPFD_CLOEXEC, 0));
  if (!listed) fail("fcntl", path);
  for (const entry& e : entries_of(unique_fd(listed.release()), path)) {
    const std::string below = path + "/" + e.name;
    if (e.type == DT_DIR) {
      remove_below(dir.get(), e.name, below);
      continue;
    }
    begin("unlink", below);
    if (::unlinkat(dir.get(), e.name.c_str(), 0) != 0 && errno != ENOENT) fail("unlink", below);
  }
  begin("rmdir", path);
  if (::unlinkat(parent, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) fail("rmdir", path);
}

// Also of a directory that was there: another process may have made it a moment ago. Then the
// parent need not be ours to open.
void sync_parent(const std::string& path, bool made) {
  try {
    sync_directory(parent_of(path));
  } catch (const failure& f) {
    const int error = f.error_number();
    if (made || (error != EACCES && error != EPERM && error != EROFS)) throw;
  }
}

} // namespace

std::vector<entry> list_directory(const std::string& path) {
  begin("opendir", path);
  unique_fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail("opendir", path);
  auto entries = entries_of(unique_fd(fd.release()), path);
  std::ranges::sort(entries, {}, &entry::name);
  return entries;
}

void make_directories_below(const std::string& root, const std::string& relative, mode_t mode) {
  std::string path = root;
  std::size_t at = 0;
  while (at < relative.size()) {
    const std::size_t slash = std::min(relative.find('/', at), relative.size());
    const std::string part = relative.substr(at, slash - at);
    at = slash + 1;
    if (part.empty() || part == ".") continue;
    path += "/" + part;
    const bool made = make_directory(path, mode);
    sync_parent(path, made);
  }
}

void remove_tree(const std::string& path) {
  struct stat s;
  if (::lstat(path.c_str(), &s) != 0) {
    if (errno == ENOENT) return;
    fail("lstat", path);
  }
  if (!S_ISDIR(s.st_mode)) {
    unlink(path);
    return;
  }
  remove_below(AT_FDCWD, path, path);
}

} // namespace wale::io::fs
