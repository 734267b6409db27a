// backup-list: the backups on stdout, in WAL-E's tab separated form (CRLF, Python's "excel-tab").
#include "context.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>

#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace wale::command {
namespace {

constexpr std::array column_names{
    "name",
    "last_modified",
    "expanded_size_bytes",
    "wal_segment_backup_start",
    "wal_segment_offset_backup_start",
    "wal_segment_backup_stop",
    "wal_segment_offset_backup_stop"};

using columns = std::array<std::string, column_names.size()>;

std::string quoted(const std::string& text) {
  if (text.find_first_of("\t\r\n\"") == std::string::npos) return text;
  std::string q = "\"";
  for (char c : text)
    q += c == '"' ? std::string("\"\"") : std::string(1, c);
  return q + "\"";
}

template <class Texts> void append_row(std::string& out, const Texts& texts) {
  const char* separator = "";
  for (const auto& text : texts) {
    out += separator + quoted(text);
    separator = "\t";
  }
  out += "\r\n";
}

void fill_details(columns& c, const catalog::sentinel& s) {
  if (s.expanded_size_bytes) c[2] = std::to_string(*s.expanded_size_bytes);
  c[5] = s.wal_segment_backup_stop;
  c[6] = s.wal_segment_offset_backup_stop;
}

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    throw failure(kind::unavailable, "could not write the list to stdout");
}

enum class details { filled, vanished, unreadable };

// One bad sentinel must not hide the other backups.
task<details> look_into(context c, catalog::backup_name name, columns& row) {
  const store::object_key key = catalog::sentinel_key(name);
  const std::string url = c.archive.url(key);
  try {
    const std::optional<std::string> text = co_await catalog::read_object(c.rt, c.archive, key);
    if (!text) co_return details::vanished;
    fill_details(row, catalog::read_sentinel(*text, url));
    co_return details::filled;
  } catch (const failure& f) {
    if (f.why() == kind::interrupted || f.why() == kind::bug) throw;
    log::warning(
        "wal_e.operator.backup",
        {"a backup's details cannot be shown",
         url + ": " + f.text().msg + (f.text().detail.empty() ? "" : ": " + f.text().detail),
         "The backup is listed without them."});
  }
  co_return details::unreadable;
}

} // namespace

task<int> backup_list(context c) {
  std::string header;
  append_row(header, column_names);
  print(header); // before the query is looked at, as WAL-E does

  std::vector<catalog::backup> backups;
  if (c.line.operands.empty())
    backups = co_await catalog::list_backups(c.archive);
  else
    backups = co_await catalog::find_backups(c.rt, c.archive, c.line.operands[0]);

  std::string rows;
  bool all_are_readable = true;
  for (const catalog::backup& b : backups) {
    columns row{b.name.text(), b.last_modified, "", b.name.segment(), b.name.offset(), "", ""};
    if (c.line.has("detail")) {
      const details d = co_await look_into(c, b.name, row);
      if (d == details::vanished) continue;
      if (d == details::unreadable) all_are_readable = false;
    }
    append_row(rows, row);
  }
  print(rows);
  if (!all_are_readable)
    throw failure(
        kind::corrupt,
        "not every backup could be looked into",
        "The warnings before name them; their rows have empty columns.",
        "Compare these objects with a copy of the archive.");
  co_return 0;
}

} // namespace wale::command
