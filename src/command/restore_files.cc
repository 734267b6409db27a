// The mark is a list of names, one a line.
#include "restore_files.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace wale::command {

namespace fs = io::fs;

bool is_marked(const std::string& directory) {
  return fs::link_status(directory + "/" + unfinished_mark).has_value();
}

void make_mark(const std::string& directory, const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += name + "\n";
  write_durably(directory, unwritten_mark, text);
  fs::rename(directory + "/" + unwritten_mark, directory + "/" + unfinished_mark);
  fs::sync_directory(directory);
}

std::set<std::string> marked_names(const std::string& directory) {
  const std::string text = fs::read_small(directory + "/" + unfinished_mark).value_or("");
  std::set<std::string> names;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    names.insert(text.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

std::vector<fs::entry> entries_of(const std::string& directory) {
  if (!fs::status(directory)) return {};
  return fs::list_directory(directory);
}

bool is_link(const std::string& path) {
  const auto s = fs::link_status(path);
  return s && S_ISLNK(s->st_mode);
}

bool is_link_to_directory(const std::string& path) {
  return is_link(path) && fs::is_directory(path);
}

// The attribute is there since Linux 5.8; before that a part of the same file system is not seen.
bool is_mount_point(const std::string& path) {
  struct statx s {};
  const auto above = fs::link_status(path + "/..");
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &s) != 0) return false;
  if (!S_ISDIR(s.stx_mode)) return false;
  if (s.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
    return (s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  return above && above->st_dev != makedev(s.stx_dev_major, s.stx_dev_minor);
}

bool is_empty_directory(const std::string& directory) {
  return std::ranges::all_of(
      entries_of(directory), [](const fs::entry& e) { return e.name == "lost+found"; });
}

void empty_directory(const std::string& directory) {
  for (const fs::entry& e : entries_of(directory))
    if (e.name != "lost+found" && e.name != unfinished_mark)
      fs::remove_tree(directory + "/" + e.name);
}

void write_durably(const std::string& directory, const char* name, std::string_view text) {
  const std::string path = directory + "/" + name;
  const auto owner = fs::status(directory);
  const mode_t mode = owner && (owner->st_mode & S_IRGRP) != 0 ? 0640 : 0600;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0)
    throw failure::system(errno, "open \"" + path + "\"", "could not write into the target");
  errno = EIO; // what a short write leaves unset
  bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::geteuid() == 0 && owner) done = done && ::fchown(fd, owner->st_uid, owner->st_gid) == 0;
  const int error = done && ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error)
    throw failure::system(error, "write \"" + path + "\"", "could not write into the target");
}

} // namespace wale::command
