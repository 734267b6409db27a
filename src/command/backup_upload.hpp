#pragma once
// The objects of one base backup on their way into the store.

#include "context.hpp"

#include <wale/archive/pack.hpp>
#include <wale/base/tree_entry.hpp>
#include <wale/catalog/layout.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace wale::command {

struct upload_totals {
  std::uint32_t partitions = 0;
  std::uint64_t compressed = 0; ///< bytes of all partitions
  std::size_t vanished = 0;
};

/// Packs, compresses and stores `entries` as partitions 0, 1, ..., up to `at_once` of them at the
/// same time, fewer if the block pool holds less. `sizes` receives the planned bytes.
task<upload_totals> upload_partitions(
    io::runtime& rt,
    store::store& archive,
    catalog::backup_name name,
    const std::vector<tree_entry>& entries,
    std::size_t at_once,
    std::uint64_t& expanded_size);

/// Stores one partition of members in memory; returns its compressed size.
task<std::uint64_t> upload_last_partition(
    io::runtime& rt,
    store::store& archive,
    catalog::backup_name name,
    std::uint32_t number,
    std::vector<archive::memory_member> members);

/// Removes everything of a backup: its sentinel first, should there be one.
task<> remove_backup(store::store& archive, catalog::backup_name name);

} // namespace wale::command
