// Which file makes a server recover depends on its version. Before 12 it would stay on the backup's
// timeline unless told otherwise (recovery_target_timeline in their manuals).
#include "restore_report.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>

#include <cstdlib>

namespace wale::command {
namespace {

namespace fs = io::fs;

// Measured on 11.22 and 15.
constexpr std::string_view about_blind =
    "Its tablespaces are directories in pg_tblspc: set allow_in_place_tablespaces = on until the "
    "recovery has ended, or the server stops.";

// Its whole path: neither pg_ctlcluster nor cron look into /usr/local/bin. What replaced it while
// the restore went on has the same (proc(5), /proc/pid/exe); with "(" in it the shell would fail
// with 2, which PostgreSQL takes for the end of the WAL.
std::string own_program() {
  constexpr std::string_view replaced = " (deleted)";
  try {
    std::string path = fs::read_link("/proc/self/exe");
    if (path.ends_with(replaced)) path.resize(path.size() - replaced.size());
    return path;
  } catch (const failure&) {
    return "wal-e";
  }
}

std::string what_next(const restore_target& t) {
  const auto version = fs::read_small(t.directory + "/PG_VERSION");
  const int major = version ? std::atoi(version->c_str()) : 0;
  const std::string command =
      "restore_command = 'envdir /etc/wal-e.d/env " + own_program() + " wal-fetch \"%f\" \"%p\"'";
  if (major < 12) {
    if (t.kept_files.contains("recovery.conf")) return "Its recovery.conf needs " + command + ".";
    return "Put " + command + " and recovery_target_timeline = 'latest' into " + t.directory +
           "/recovery.conf, with standby_mode = on for a standby.";
  }
  const std::string settings = "Put " + command + " into postgresql.auto.conf";
  if (t.kept_files.contains("standby.signal")) return settings + "; standby.signal is there.";
  if (t.kept_files.contains("recovery.signal")) return settings + "; recovery.signal is there.";
  return settings +
         ", then make recovery.signal (a new primary) or standby.signal (a standby) in " +
         t.directory + ".";
}

} // namespace

explanation restore_report(const restore_target& t) {
  std::string detail = "The backup is in " + t.directory + ", complete and durable.";
  for (const placed_tablespace& p : t.tablespaces.placed)
    detail += "\nTablespace " + p.oid + " is in " + p.location + ".";
  for (const std::string& name : t.kept_files)
    detail += "\nThe " + name + " that was there was kept.";
  std::string hint = what_next(t);
  if (!t.tablespaces.blind.empty()) hint += " " + std::string(about_blind);
  return {"restore complete, the server has not been started", detail, hint};
}

} // namespace wale::command
