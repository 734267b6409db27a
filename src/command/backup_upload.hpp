#pragma once
// The partitions of one base backup on their way into the store.

#include "backup_objects.hpp"
#include "cluster_reading.hpp"
#include "context.hpp"

#include <wale/archive/pack.hpp>
#include <wale/base/tree_entry.hpp>

#include <cstdint>
#include <vector>

namespace wale::command {

struct upload_totals {
  std::uint32_t partitions = 0;
  std::uint64_t expanded = 0;   ///< bytes of all members, as planned
  std::uint64_t compressed = 0; ///< bytes of all partitions
  std::size_t vanished = 0;
};

/// Packs, compresses and stores `entries` as partitions 0, 1, ..., up to `at_once` of them at the
/// same time, fewer if the block pool holds less. `reading`'s meter expects what is planned.
task<upload_totals> upload_partitions(
    context c,
    backup_objects& objects,
    const std::vector<tree_entry>& entries,
    std::size_t at_once,
    cluster_reading& reading);

/// Stores one partition more, of what must stay as it is: fails if a file of it vanishes or becomes
/// shorter. Returns its compressed size.
task<std::uint64_t> upload_last_partition(
    context c, backup_objects& objects, std::uint32_t number, archive::pack_plan plan);

} // namespace wale::command
