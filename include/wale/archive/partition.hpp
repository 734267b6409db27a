#pragma once
// Which entries of a tree go into which partition of a backup. Pure.
//
// A partition is one tar archive, stored as one object. The limits are WAL-E's (its volumes), so
// that a restore with WAL-E needs no more room or time per object than it is used to.

#include <wale/base/tree_entry.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wale::archive {

struct partition_limits {
  std::uint64_t bytes = 1'610'612'736;    ///< largest sum of file sizes, exclusive
  std::size_t members = 6'144;            ///< most members
  std::uint64_t least = 64 * 1024 * 1024; ///< spreading the work makes none smaller than this
};

/// Entries [first, last) of the planned span.
struct partition {
  std::size_t first = 0;
  std::size_t last = 0;
  /// Sum of the body sizes as planned: a second name of a file that is already in the partition
  /// becomes a link member and counts nothing.
  std::uint64_t size = 0;
};

/// Packs `entries` greedily in their order. `want` is how many partitions may be in flight at once:
/// a tree too small to fill that many gets smaller partitions, so that all can work. Throws
/// kind::refused for a file of more than limits.bytes. No entries, no partitions.
std::vector<partition> plan_partitions(
    std::span<const tree_entry> entries, std::size_t want, const partition_limits& limits = {});

/// The sum over all partitions: `expanded_size_bytes` of the sentinel.
std::uint64_t expanded_size(std::span<const partition> partitions);

} // namespace wale::archive
