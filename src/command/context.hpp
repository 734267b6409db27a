#pragma once
// What every command is given, and the commands.

#include <wale/command/command_line.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>
#include <wale/store/store.hpp>

#include <chrono>

namespace wale::command {

struct context {
  io::runtime& rt;
  store::store& archive;
  const command_line& line;
  std::chrono::seconds limit{}; ///< of wal-push and wal-fetch: time_limits.hpp
};

/// Each runs one command and returns its exit code: 0, or 1 for an absence that is no failure.
/// Cancelling one cleans up first: nothing half-made stays behind under a name that others read.
task<int> backup_push(context c);
task<int> backup_fetch(context c);
task<int> backup_list(context c);
task<int> wal_push(context c);
task<int> wal_fetch(context c);
task<int> wal_prefetch(context c);
task<int> delete_objects(context c);

} // namespace wale::command
