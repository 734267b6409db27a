#pragma once
// Keeps two clusters from archiving under one prefix.

#include "context.hpp"
#include "transfer.hpp"

#include <cstdint>

namespace wale::command {

/// Compares the cluster that wrote `file` with the one that the newest backup under this prefix is
/// of, and throws kind::refused if they differ. Without a segment header or a backup with metadata
/// there is nothing to compare; what cannot be looked up is unknown, with a WARNING. An answer is
/// remembered in `.wal-e/` beside the segment, if that is a pg_wal: the next segment then costs no
/// request, or one listing where the newest backup has no metadata.
task<> require_cluster_of_archive(io::runtime& rt, store::store& archive, archivable file);

/// The same for a cluster that is to be backed up; nothing is remembered.
task<>
require_cluster_of_archive(io::runtime& rt, store::store& archive, std::uint64_t system_identifier);

} // namespace wale::command
