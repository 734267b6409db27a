#pragma once
// Which kind of recovery asks for a file: decides what a failed wal-fetch may tell PostgreSQL
// (docs/design.md "Exit codes").

#include <wale/base/exit_code.hpp>

#include <string>
#include <string_view>

namespace wale::pg {

/// The data directory that wal-fetch is called for: the current directory if it holds PG_VERSION,
/// else the parent of the directory part of `destination`, without resolving links, because pg_wal
/// may be one. Never throws for a directory that does not exist.
std::string recovering_directory(std::string_view destination);

/// standby.signal gives standby, else recovery.signal gives targeted; PostgreSQL up to 11 has
/// recovery.conf instead, whose standby_mode decides. None of them gives neither. A recovery.conf
/// that is there but cannot be read counts as targeted, which never promotes too early.
/// Throws nothing but bad_alloc.
restore_mode restore_mode_of(const std::string& data_directory);

/// The value of standby_mode in the text of a recovery.conf: PostgreSQL's syntax, the last setting
/// wins, false without one. Pure.
bool is_standby_mode(std::string_view recovery_conf);

} // namespace wale::pg
