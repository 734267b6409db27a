// The facts come from functions and from pg_settings, a view which leaves out what the role may not
// see instead of failing. Every name is qualified: search_path is not ours to trust.

#include "server_facts.hpp"

#include <charconv>
#include <fstream>
#include <map>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace wale::pg {

namespace {

template <class Number> Number number_of(const value& v) {
  Number n = 0;
  const std::string text = v.value_or("");
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (text.empty() || error != std::errc{} || stop != text.data() + text.size())
    throw failure(
        kind::unavailable, "PostgreSQL gave no number", "It said \"" + text + "\" instead.");
  return n;
}

const row& only_row(const rows& answer, std::size_t columns) {
  if (answer.size() != 1 || answer.front().size() != columns)
    throw failure(
        kind::unavailable,
        "PostgreSQL gave an unexpected answer",
        "It has " + std::to_string(answer.size()) + " rows.",
        "Is there a connection pooler in between?");
  return answer.front();
}

struct server_setting {
  std::string text;
  std::string unit;
};
using settings = std::map<std::string, server_setting>;

settings settings_of(const rows& answer) {
  settings all;
  for (const row& r : answer)
    if (r.size() == 3) all[r[0].value_or("")] = {r[1].value_or(""), r[2].value_or("")};
  return all;
}

std::optional<std::string> take(const settings& all, const std::string& name) {
  const auto found = all.find(name);
  if (found == all.end()) return std::nullopt;
  return found->second.text;
}

/// Shown in bytes since 11, in WAL blocks before.
segment_size segment_size_of(const settings& all) {
  const auto found = all.find("wal_segment_size");
  if (found == all.end()) return segment_size();
  auto size = number_of<std::uint64_t>(found->second.text);
  if (found->second.unit != "B")
    size *= number_of<std::uint64_t>(take(all, "wal_block_size").value_or("8192"));
  return segment_size(size);
}

void fill_in(const settings& all, server_facts& facts) {
  facts.data_directory = take(all, "data_directory");
  facts.log_directory = take(all, "log_directory");
  facts.archive_mode = take(all, "archive_mode").value_or("");
  facts.archive_command = take(all, "archive_command").value_or("");
  facts.archive_library = take(all, "archive_library").value_or("");
  facts.port = take(all, "port").value_or("");
  facts.wal_segment_size = segment_size_of(all);
  if (facts.data_directory && facts.log_directory) return;
  explanation words{"this role may not read where the server keeps its data and logs"};
  words.detail = "data_directory and log_directory are not shown to it.";
  words.hint = facts.version >= 100000 ? "As a superuser: GRANT pg_read_all_settings TO the role."
                                       : "Up to PostgreSQL 9.6 only a superuser may.";
  facts.missing.push_back(std::move(words));
}

/// Left out, with a word in `facts.missing`, if the role may not.
task<> read_system_identifier(connection& session, server_facts& facts) {
  std::string denied;
  rows answer;
  try {
    answer = co_await session.query("SELECT system_identifier FROM pg_catalog.pg_control_system()");
  } catch (const server_failure& f) {
    if (f.sqlstate() != "42501") throw;
    denied = f.text().msg;
  }
  if (denied.empty()) {
    // bigint, but the number is unsigned.
    const auto n = number_of<std::int64_t>(only_row(answer, 1)[0]);
    facts.system_identifier = static_cast<std::uint64_t>(n);
    co_return;
  }
  explanation words;
  words.msg = "this role may not read the system identifier";
  words.detail = denied;
  words.hint = "As a superuser: GRANT EXECUTE ON FUNCTION pg_control_system() TO the role.";
  facts.missing.push_back(std::move(words));
}

/// The port in postmaster.pid, the fourth line of it (miscadmin.h, LOCK_FILE_LINE_PORT); empty if
/// there is no such file, nullopt if it cannot be read.
std::optional<std::string> running_port(const std::string& directory) {
  const std::string path = directory + "/postmaster.pid";
  if (::access(path.c_str(), F_OK) != 0) return "";
  std::ifstream file(path);
  std::string line;
  for (int i = 0; i < 4; ++i)
    if (!std::getline(file, line)) return std::nullopt;
  return line;
}

} // namespace

bool server_facts::is_archiving() const noexcept {
  const bool has_command = !archive_command.empty() && archive_command != "(disabled)";
  return archive_mode != "off" && !archive_mode.empty() &&
         (has_command || !archive_library.empty());
}

task<server_facts> read_server_facts(connection& session) {
  server_facts facts;
  facts.version = session.server_version();
  const rows basics = co_await session.query(
      "SELECT pg_catalog.version(), pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), "
      "pg_catalog.pg_postmaster_start_time()");
  const row& r = only_row(basics, 4);
  facts.version_text = r[0].value_or("");
  facts.backend_pid = number_of<int>(r[1]);
  facts.in_recovery = r[2] == "t";
  facts.started = r[3].value_or("");
  co_await read_system_identifier(session, facts);
  const rows shown = co_await session.query(
      "SELECT name, setting, unit FROM pg_catalog.pg_settings WHERE name IN ('data_directory', "
      "'log_directory', 'archive_mode', 'archive_command', 'archive_library', 'wal_segment_size', "
      "'wal_block_size', 'port')");
  fill_in(settings_of(shown), facts);
  co_return facts;
}

void require_same_cluster(
    const std::string& directory, const control_data& control, const server_facts& facts) {
  const auto refuse = [&](const std::string& detail) {
    throw failure(
        kind::refused,
        "the directory is not the one of the connected server",
        detail,
        "Give that server's data directory, or set PGHOST and PGPORT to the server of this one.");
  };
  if (facts.system_identifier && *facts.system_identifier != control.system_identifier)
    refuse(
        "\"" + directory + "\" has the system identifier " +
        std::to_string(control.system_identifier) + ", the server " +
        std::to_string(*facts.system_identifier) + ".");
  if (!facts.data_directory) {
    // A primary and its standby on one machine have one identifier, but not one port.
    const auto port = running_port(directory);
    if (port && port->empty()) refuse("No server runs on \"" + directory + "\".");
    if (port && *port != facts.port)
      refuse(
          "The server of \"" + directory + "\" has port " + *port + ", the connected one " +
          facts.port + ".");
    return;
  }
  struct stat ours;
  struct stat theirs;
  const bool same = ::stat(directory.c_str(), &ours) == 0 &&
                    ::stat(facts.data_directory->c_str(), &theirs) == 0 &&
                    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
  if (!same)
    refuse(
        "The directory is \"" + directory + "\", the server's is \"" + *facts.data_directory +
        "\".");
}

} // namespace wale::pg
