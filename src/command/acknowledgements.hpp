#pragma once
// Segments that an earlier wal-push stored before PostgreSQL named them: one record each in
// pg_wal/.wal-e, which counts only for the same archive and the same file. Nothing here throws but
// bad_alloc: whatever is wrong means that the segment is pushed once more.

#include "file_record.hpp"

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace wale::command {

class acknowledgements {
public:
  /// Of one archive; `archive` is archive_identity().
  acknowledgements(std::string wal_directory, std::string archive);

  /// Whether this archive has acknowledged exactly the file that has this name now.
  bool cover(const std::string& name) const;
  /// Makes the directory. False if records cannot be kept there: then pushing ahead is in vain.
  bool can_be_kept() const;
  /// `file` is what the file was before it was read; it was at rest then. False if that is not what
  /// it is now, or if the record cannot be written.
  bool record(
      const std::string& name,
      const file_identity& file,
      std::uint64_t system_identifier,
      const sha256_value& digest) const;

  /// All records there are, of any archive: names of files.
  std::vector<std::string> list() const;
  /// Removes those of `records` whose segment is not `ready` any more.
  void sweep(const std::vector<std::string>& records, const std::set<std::string>& ready) const;

private:
  std::string record_path(const std::string& name) const;

  std::string wal_directory_;
  std::string directory_;
  std::string archive_;
};

/// Segments that wait to be archived: those with a .ready in archive_status, in their order. Empty
/// if that cannot be read.
std::vector<std::string> ready_segments(const std::string& wal_directory);

/// Pure. At most `count` of `ready`, which is in order: those after `named` first, then those
/// before.
std::vector<std::string>
neighbours_of(const std::string& named, const std::vector<std::string>& ready, std::size_t count);

/// Whether a file that is looked at `now_ns` (since 1970) cannot change after that without its
/// times telling. Pure.
bool is_at_rest(const file_identity& file, std::int64_t now_ns) noexcept;

} // namespace wale::command
