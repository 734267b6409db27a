// backup-list: the backups on stdout, in WAL-E's tab separated form (CRLF, Python's "excel-tab").
#include "context.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/catalog.hpp>

#include <array>
#include <cstdio>
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
  for (const catalog::backup& b : backups) {
    columns row{b.name.text(), b.last_modified, "", b.name.segment(), b.name.offset(), "", ""};
    if (c.line.has("detail")) {
      const catalog::sentinel s = co_await catalog::load_sentinel(c.rt, c.archive, b.name);
      fill_details(row, s);
    }
    append_row(rows, row);
  }
  print(rows);
  co_return 0;
}

} // namespace wale::command
