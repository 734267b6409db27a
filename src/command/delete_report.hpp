#pragma once
// A deletion in words: for people on stdout, and for logs in WAL-E's words. Only text, no I/O but
// the log's.

#include <wale/catalog/retention.hpp>
#include <wale/store/store.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace wale::command {

/// The plan as lines of tab separated columns: `keep` or `remove` for each backup with the reason,
/// `remove` for each key with its size, `skip` for each unknown key, and totals.
std::string describe_plan(const catalog::retention_plan& plan);

/// Tells of a `retain` what it will do, before any key.
void log_retention(const store::store& archive, const catalog::retention_plan& plan);
/// Tells of each unknown key.
void log_skipped(const store::store& archive, const catalog::retention_plan& plan);
/// Tells of each key that goes, or would.
void log_removals(
    const store::store& archive, std::span<const catalog::removal> removals, bool is_dry_run);

} // namespace wale::command
