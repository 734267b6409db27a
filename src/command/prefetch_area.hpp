#pragma once
// pg_wal/.wal-e/prefetch: segments that were fetched before PostgreSQL asked for them. The layout
// is WAL-E's; beside each segment lies a file_record about it. docs/format.md "On the database
// host".
//
// A segment gets its name here when it is whole, checked and durable. It is served only if it is
// still the file that its record is about, and of this archive and cluster.

#include "file_record.hpp"

#include <wale/pg/control_file.hpp>
#include <wale/pg/wal_name.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace wale::command {

/// What a prefetched segment must be of.
struct prefetch_origin {
  std::string archive; ///< archive_identity()
  std::uint64_t system_identifier = 0;
  pg::segment_size size;
};

/// `archive` is archive_identity().
prefetch_origin origin_of(std::string archive, const pg::control_data& cluster);

class prefetch_area {
public:
  /// `wal_directory` is where the segments are asked for, without links.
  explicit prefetch_area(const std::string& wal_directory);

  bool exists() const;
  /// Makes the directories; throws failure::system.
  void make() const;

  /// Whether the segment is here and may be served; one that may not is removed.
  bool holds(const pg::wal_segment& segment, const prefetch_origin& origin) const;
  /// If it holds the segment, renames it to `destination`. False if it does not.
  bool serve(
      const pg::wal_segment& segment,
      const prefetch_origin& origin,
      const std::string& destination) const;

  /// Announces that a segment is being fetched, into a file of the directory that this returns.
  std::string begin(const pg::wal_segment& segment) const;
  /// Gives the fetched file, which is durable, its name here, with the digest that it was checked
  /// against. Throws kind::corrupt if it is not of `origin`.
  void publish(
      const pg::wal_segment& segment,
      const prefetch_origin& origin,
      const std::string& path,
      const sha256_value& digest) const;
  /// Takes the announcement back, and what was fetched.
  void end(const pg::wal_segment& segment) const;
  /// Bytes fetched so far; nullopt if the segment is not announced.
  std::optional<std::uint64_t> bytes_of(const pg::wal_segment& segment) const;

  /// Removes every segment but `count` from `first` on; of announcements all.
  void keep_only(const pg::wal_segment& first, std::size_t count, pg::segment_size size) const;
  void drop_announcements() const;
  void drop_all() const;

  std::string lock_path() const { return directory_ + "/lock"; }

private:
  std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
  std::string record_path(const std::string& name) const { return path_of(name) + ".record"; }
  template <class Keep> void remove_unless(const Keep& keep) const;

  std::string parent_;
  std::string directory_;
  std::string running_;
};

/// One prefetcher at a time, and what it is told: the segment that was asked for last. The lock
/// goes with the descriptor, also into a child.
class prefetch_lock {
public:
  /// The file is made if it is missing. An invalid lock if that fails.
  static prefetch_lock open(const prefetch_area& area) noexcept;
  /// Takes a descriptor that a parent handed down, if it is of this lock.
  static prefetch_lock adopt(int descriptor, const prefetch_area& area) noexcept;
  prefetch_lock(prefetch_lock&& other) noexcept;
  prefetch_lock& operator=(prefetch_lock&&) = delete;
  ~prefetch_lock();

  bool is_valid() const noexcept { return descriptor_ >= 0; }
  int descriptor() const noexcept { return descriptor_; }
  /// False: somebody else has it.
  bool take() const noexcept;
  void tell_wanted(const pg::wal_segment& segment) const noexcept;
  std::optional<pg::wal_segment> wanted() const noexcept;

private:
  explicit prefetch_lock(int descriptor) noexcept : descriptor_(descriptor) {}
  int descriptor_;
};

} // namespace wale::command
