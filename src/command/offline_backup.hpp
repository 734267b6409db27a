#pragma once
// backup-push --while-offline: a base backup of a cluster that is shut down, without asking a
// server.

#include "context.hpp"

namespace wale::command {

/// Refused (kind::refused) unless pg_control says that the cluster was shut down and nothing runs
/// on it, or if it is started before the last file was read. The WAL from its last checkpoint on is
/// in the archive, or else in the backup: members pg_wal/NAME of the last partition.
task<int> backup_push_offline(context c);

} // namespace wale::command
