#pragma once
// Keeps two clusters from archiving under one prefix.

#include "context.hpp"
#include "transfer.hpp"

namespace wale::command {

/// Compares the cluster that wrote `file` with the one that the newest backup under this prefix is
/// of, and throws kind::refused if they differ. Without a segment header or a backup with metadata
/// there is nothing to compare. What was found is remembered in `.wal-e/` beside the segment, if
/// that is a pg_wal, so that the next segment costs no request.
task<> require_cluster_of_archive(io::runtime& rt, store::store& archive, archivable file);

} // namespace wale::command
