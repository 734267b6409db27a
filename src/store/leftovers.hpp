#pragma once
// What stays behind beside objects, and where it may be ours. On a file store: temporary files, and
// directories that have become empty.

#include <wale/io/file.hpp>

#include <string>
#include <string_view>

namespace wale::store {

/// Where objects lie (docs/format.md). The prefix may be a whole file system or bucket, and hold
/// what others left.
inline constexpr std::string_view top_directories[]{"basebackups_005", "wal_005"};

/// Such a file is no object.
bool is_temporary(std::string_view name);
/// A new name, random.
std::string temporary_name();

/// Removes temporary files of processes that were killed, below `root`/`top`; ones younger than a
/// day may still be written. Never fails: what cannot be looked at stays, and is logged for
/// debugging.
void sweep_temporary_files(const std::string& root, std::string_view top);

/// Removes the directories of `key` that are empty, but not the top one: empty ones carry no
/// meaning on a store of keys.
void prune_directories(const std::string& root, const std::string& key);

/// The temporary file of one put. Leaving the scope early removes it, and directories made for it.
class temporary_file {
public:
  temporary_file(io::file f, std::string path, std::string root, std::string key);
  ~temporary_file();
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;

  io::file& file() { return file_; }
  const std::string& path() const { return path_; }
  void published() { path_.clear(); }

private:
  io::file file_;
  std::string path_;
  std::string root_;
  std::string key_;
};

} // namespace wale::store
