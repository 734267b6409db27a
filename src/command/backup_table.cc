// The forms of backup-list.
#include "backup_table.hpp"

#include <wale/catalog/backup_json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace wale::command {
namespace {

// WAL-E's columns, in its order.
constexpr std::array<std::string_view, 7> column_names{
    "name",
    "last_modified",
    "expanded_size_bytes",
    "wal_segment_backup_start",
    "wal_segment_offset_backup_start",
    "wal_segment_backup_stop",
    "wal_segment_offset_backup_stop"};

std::string quoted(std::string_view text) {
  if (text.find_first_of("\t\r\n\"") == text.npos) return std::string(text);
  std::string q = "\"";
  for (char c : text)
    q += c == '"' ? std::string("\"\"") : std::string(1, c);
  return q + "\"";
}

template <class Texts> std::string line_of(const Texts& texts) {
  std::string line;
  for (const auto& text : texts)
    line += (line.empty() ? "" : "\t") + quoted(text);
  return line + "\r\n";
}

std::string readable_size(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < units.size()) {
    size /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
  return text;
}

using table_row = std::array<std::string, 6>;

table_row table_row_of(const backup_row& row) {
  table_row cells{row.listed.name.text(), catalog::format_time(row.listed.modified_ns)};
  if (row.sentinel) {
    if (row.sentinel->expanded_size_bytes)
      cells[2] = readable_size(*row.sentinel->expanded_size_bytes);
    cells[4] = row.sentinel->wal_segment_backup_stop;
  }
  if (row.metadata) {
    if (!row.metadata->finish_time.empty()) cells[1] = row.metadata->finish_time;
    cells[3] = readable_size(row.metadata->compressed_size);
    cells[5] = row.metadata->hostname;
  }
  for (std::string& cell : cells)
    if (cell.empty()) cell = "-";
  return cells;
}

} // namespace

std::string tab_separated_header() {
  return line_of(column_names);
}

std::string tab_separated(const backup_row& row) {
  std::array<std::string, column_names.size()> c{
      row.listed.name.text(),
      row.listed.last_modified,
      "",
      row.listed.name.segment(),
      row.listed.name.offset()};
  if (row.sentinel) {
    if (row.sentinel->expanded_size_bytes)
      c[2] = std::to_string(*row.sentinel->expanded_size_bytes);
    c[5] = row.sentinel->wal_segment_backup_stop;
    c[6] = row.sentinel->wal_segment_offset_backup_stop;
  }
  return line_of(c);
}

std::string as_json(std::span<const backup_row> rows) {
  std::string text = "[";
  for (const backup_row& row : rows)
    text += (text.size() == 1 ? "\n  " : ",\n  ") +
            catalog::backup_json(row.listed, row.sentinel, row.metadata);
  return text + (rows.empty() ? "]\n" : "\n]\n");
}

std::string as_table(std::span<const backup_row> rows) {
  std::vector<table_row> table{{"NAME", "TAKEN", "SIZE", "STORED", "WAL UP TO", "HOST"}};
  for (const backup_row& row : rows)
    table.push_back(table_row_of(row));
  std::array<std::size_t, std::tuple_size_v<table_row>> widths{};
  for (const table_row& row : table)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const table_row& row : table) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      const bool is_size = i == 2 || i == 3;
      text += (is_size ? padding + row[i] : row[i] + padding) + "  ";
    }
    text += row.back() + "\n";
  }
  return text;
}

} // namespace wale::command
