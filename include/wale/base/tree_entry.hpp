#pragma once
// One object of a directory tree: the common word of who scans (pg/data_dir) and who packs
// (archive/partition, archive/tar).

#include <cstdint>
#include <string>

namespace wale {

struct tree_entry {
  enum class kind : std::uint8_t { file, directory, symlink, fifo };

  kind type = kind::file;
  std::string name;        ///< member name: relative, no trailing slash; empty for the root
  std::string path;        ///< where its bytes are read
  std::string link_target; ///< symlinks only
  std::uint64_t size = 0;  ///< files only, as planned
  std::uint32_t mode = 0;  ///< permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint32_t links = 1;
  /// Files that no WAL mends, configuration for one: `size` is only what was seen, it counts what
  /// the file has when it is opened.
  bool is_sized_when_opened = false;
};

} // namespace wale
