#pragma once
// WAL-E's log records on stderr and syslog.
//
// Layout, names and structured fields are an interface: people grep for them (docs/format.md is
// about stores, man wal-e "LOGGING" about these). Writing a record never fails and never changes
// the result of a command: a dead pipe or a missing syslog is ignored.

#include <wale/base/error.hpp>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace wale::log {

enum class level { debug, info, warning, error, critical };

struct field {
  std::string name;
  std::string value;
};

/// One record. `logger` is the dotted name WAL-E used, for example `wal_e.worker.upload`.
struct record {
  std::string_view logger;
  level severity = level::info;
  explanation text;
  std::vector<field> structured = {}; ///< printed sorted by name, after time and pid
};

enum class format { text, json };

/// The record as WAL-E's text, without a final newline. Pure. Embedded newlines are followed by 8
/// spaces.
std::string layout(const record& r, std::chrono::system_clock::time_point time, int pid);

/// The record as one line of JSON, without a final newline. Pure. The members are time (RFC 3339,
/// UTC), level, logger, pid, msg, and where there is any: detail, hint, structured (an object). All
/// values but pid are strings; bytes that are not UTF-8 become U+FFFD.
std::string layout_json(const record& r, std::chrono::system_clock::time_point time, int pid);

/// Where records go and how they look; set by main from WALE_LOG_DESTINATION, WALE_SYSLOG_FACILITY,
/// --log-format and --terse.
struct destinations {
  bool to_stderr = true;
  bool to_syslog = true;
  int facility = 1 << 3; ///< LOG_USER
  level least = level::info;
  format form = format::text;
  /// The first that takes a connection, nullptr for none; the defaults are WAL-E's.
  std::array<const char*, 3> syslog_sockets{"/dev/log", "/var/run/log", "/var/run/syslog"};
};
void configure(const destinations& d);
const destinations& configured();

/// Parses a comma separated list as WAL-E does: no trimming, unknown words ignored.
/// Sets to_stderr and to_syslog of `d`.
void parse_destination(std::string_view list, destinations& d);
/// The facility for a name in any case, or -1.
int parse_facility(std::string_view name);

void write(const record& r);
/// Text that is no record, on stderr whatever the destinations are. Like write() it waits for a
/// reader that stands still, until SIGINT or SIGTERM comes.
void write_plain(std::string_view text);

/// Whether records of level info go to a terminal, where a person may watch the status line.
bool has_terminal();
/// Shows one line of ASCII on the terminal, below the records, in place of the one before; an empty
/// one takes it away. Does nothing rather than wait for a terminal that takes no output, nor
/// disturb it from the background. Only where has_terminal().
void show_status(std::string_view line);

void debug(std::string_view logger, explanation text, std::vector<field> structured = {});
void info(std::string_view logger, explanation text, std::vector<field> structured = {});
void warning(std::string_view logger, explanation text, std::vector<field> structured = {});

} // namespace wale::log
