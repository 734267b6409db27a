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
  std::uint64_t compressed = 0; ///< bytes of all partitions
  std::size_t vanished = 0;
};

/// Packs, compresses and stores `entries` as partitions 0, 1, ..., up to `at_once` of them at the
/// same time, fewer if the block pool holds less. `expanded_size` receives the planned bytes, which
/// `reading`'s meter expects, too.
task<upload_totals> upload_partitions(
    io::runtime& rt,
    store::store& archive,
    backup_objects& objects,
    const std::vector<tree_entry>& entries,
    std::size_t at_once,
    cluster_reading& reading,
    std::uint64_t& expanded_size);

/// Stores one partition of `entries`, all of which must stay as they are and are read through
/// `gate`, and members in memory; returns its compressed size.
task<std::uint64_t> upload_last_partition(
    io::runtime& rt,
    store::store& archive,
    backup_objects& objects,
    std::uint32_t number,
    std::vector<archive::memory_member> members,
    std::vector<tree_entry> entries = {},
    archive::byte_gate gate = {});

} // namespace wale::command
