#pragma once
// The file-system calls of an extraction, none of which can leave the target.
//
// A directory is reached from the target's descriptor, or from that of a link the caller trusts, by
// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, or component by component with
// O_NOFOLLOW where the kernel lacks it; its members by one name in that directory. Everything
// blocks: for the CPU pool, where several threads may use one tree at once. Each call counts for
// failpoints.

#include "opened_files.hpp"

#include <wale/archive/tar.hpp>

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wale::archive {

/// What a member says about its owner, mode and time.
struct attributes {
  std::uint32_t mode = 0;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::string user;
  std::string group;
  std::int64_t mtime_ns = 0;
};
attributes attributes_of(const tar_member& m);

class target_tree {
public:
  /// `followed`: links below the target that may be followed.
  target_tree(std::string target, const std::vector<std::string>& followed);

  /// The last directory that was opened; members of one directory follow each other. One thread's.
  struct last_directory {
    std::string name = {};
    io::unique_fd fd = {};
  };

  bool is_followed(std::string_view name) const;
  bool exists(last_directory& cache, const std::string& name) const;

  /// A new file, in place of what has the name; missing directories are made. From 1 MiB on its
  /// `size` is allocated.
  io::unique_fd create_file(
      last_directory& cache, const std::string& name, std::uint32_t mode, std::uint64_t size) const;
  void
  write(int fd, const std::string& name, std::span<const std::byte> bytes, std::uint64_t offset)
      const;
  /// Owner, mode and time of a file that create_file() made with the same mode, then close.
  void finish_file(io::unique_fd fd, const std::string& name, const attributes& a) const;

  /// A directory that only we may enter until finish_directory(); an existing one is kept.
  void make_directory(last_directory& cache, const std::string& name) const;
  void finish_directory(const std::string& name, const attributes& a) const;
  void make_symlink(const std::string& name, const std::string& to, const attributes& a) const;
  void make_hard_link(const std::string& name, const std::string& to) const;
  /// The mode is lessened by the umask.
  void make_fifo(const std::string& name, const attributes& a) const;

  /// Makes files and directories durable; the writing of all is begun before the first is awaited.
  void sync(const std::vector<std::string>& names) const;

  std::string path_of(std::string_view name) const;

private:
  struct root {
    std::string name;
    io::unique_fd fd;
  };
  struct place {
    const root* from;
    std::string below;
  };

  place locate(std::string_view name) const;
  int directory(last_directory& cache, std::string_view name) const;
  io::unique_fd open_directory(std::string_view name, int flags) const;
  io::unique_fd open_beneath(int from, const std::string& below, int flags, int& error) const;
  io::unique_fd walk(int from, const std::string& below, int flags, bool create, int& error) const;
  void remove(int parent, const std::string& name, const char* for_what) const;
  void change_owner(int fd, const std::string& name, const attributes& a) const;
  std::uint32_t owner_number(
      std::map<std::string, std::optional<std::uint32_t>>& known,
      const std::string& name,
      std::uint64_t number,
      std::optional<std::uint32_t> (*look)(const std::string&)) const;
  [[noreturn]] void fail(int error, const char* call, std::string_view name) const;
  [[noreturn]] void refuse_link(std::string_view name) const;

  std::string target_;
  std::vector<root> roots_; ///< the first is the target
  bool has_openat2_ = false;
  bool is_root_ = false;
  bool allocates_ = true; ///< memory has no layout to gain, and fallocate costs 8 % there
  std::uint32_t umask_ = 0777;
  mutable std::mutex owners_mutex_;
  mutable std::map<std::string, std::optional<std::uint32_t>> users_;
  mutable std::map<std::string, std::optional<std::uint32_t>> groups_;
};

} // namespace wale::archive
