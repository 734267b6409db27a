#pragma once
// The exit codes: the one table that decides whether PostgreSQL promotes a server too early
// (docs/design.md "Exit codes"; measured on PostgreSQL 11, 15 and 18).

#include <wale/base/error.hpp>

namespace wale {

/// What kind of recovery asks for a file. Decides what a failed wal-fetch may tell PostgreSQL.
enum class restore_mode {
  standby,  ///< standby.signal, or recovery.conf with standby_mode: PostgreSQL asks again
  targeted, ///< recovery.signal, or recovery.conf without it: 1 means "end of WAL", which promotes
  neither,  ///< by hand, or pg_rewind
};

/// Exit code of every command but wal-fetch: 2 for usage errors and bugs, otherwise 1.
int exit_code(kind k) noexcept;

/// Exit code of wal-fetch: 1, except in targeted mode, where only proven absence gives 1,
/// SIGINT and SIGTERM give 143 and everything else 126.
int wal_fetch_exit_code(kind k, restore_mode mode) noexcept;

} // namespace wale
