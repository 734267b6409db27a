#pragma once
// File-system calls that have no place on a ring: blocking, each throwing failure::system with call
// and path. Run them through runtime::offload where the file system may be cold or remote. Each
// counts as one operation for failpoints.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <vector>

namespace wale::io::fs {

/// Throws except for ENOENT and ENOTDIR, which give nullopt. Follows links.
std::optional<struct stat> status(const std::string& path);
/// The same for a link itself.
std::optional<struct stat> link_status(const std::string& path);
bool is_directory(const std::string& path);
/// The directory that a path's last name lies in, as text: `.` where the path has no slash.
std::string parent_of(const std::string& path);

struct entry {
  std::string name;
  unsigned char type; ///< DT_*, never DT_UNKNOWN
};
/// Entries without . and .., sorted by name. Throws with error_number() ENOENT if absent.
std::vector<entry> list_directory(const std::string& path);

/// Makes one directory; true if it was made, false if it was there.
bool make_directory(const std::string& path, mode_t mode);
/// Makes missing directories from the existing directory `root` down to root/relative, and makes
/// each durable in its parent.
void make_directories_below(const std::string& root, const std::string& relative, mode_t mode);
/// fsync of a directory; EINVAL and ENOTSUP are tolerated.
void sync_directory(const std::string& path);
/// Whether sync_filesystem() can be trusted here: the kernel reports write errors through syncfs(2)
/// (5.8 and later) and the file system is a known local one.
bool can_sync_filesystem(int fd);
/// syncfs(2): makes everything written to the file system that `fd` is on durable. Throws for any
/// error since `fd` was opened.
void sync_filesystem(int fd);

void rename(const std::string& from, const std::string& to);
enum class publish { done, exists };
/// Gives `from` the second name `to` unless that is taken, then removes the first name.
/// Uses link(2), where there are no hard links renameat2(RENAME_NOREPLACE).
publish rename_noreplace(const std::string& from, const std::string& to);
/// False if it was absent.
bool unlink(const std::string& path);
/// False if it was absent or not empty.
bool remove_directory(const std::string& path);
/// Removes a tree, links not followed. Absent is fine.
void remove_tree(const std::string& path);
void symlink(const std::string& target, const std::string& path);
std::string read_link(const std::string& path);
/// realpath(3).
std::string resolve(const std::string& path);

/// A small file at once; throws beyond `limit` bytes. nullopt if absent.
std::optional<std::string> read_small(const std::string& path, std::size_t limit = 1 << 20);

/// nullopt if absent or not supported.
std::optional<std::string> get_attribute(const std::string& path, const char* name);
/// False where the file system does not support it or has no room for it. EIO throws.
bool set_attribute(int fd, const char* name, std::string_view value);
/// fallocate(2), the length of the file included. Only makes haste: nothing happens, or a part of
/// it, where that is not supported or there is no room.
void allocate(int fd, std::uint64_t offset, std::uint64_t length);
/// Takes O_NONBLOCK off, which a file is opened with lest a fifo in its place is waited for. With
/// it io_uring may answer every read with EAGAIN: before Linux 6.5 where the block device cannot do
/// without waiting, as dm-crypt (io_rw_init_file() of io_uring.c in 6.0).
void let_wait(int fd) noexcept;
/// ftruncate(2).
void set_length(int fd, std::uint64_t length);

} // namespace wale::io::fs
