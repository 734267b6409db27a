#pragma once
// A list of backups as text. Pure.

#include <wale/catalog/catalog.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wale::command {

/// One backup and what is known of it.
struct backup_row {
  catalog::backup listed;
  std::optional<catalog::sentinel> sentinel = {};
  std::optional<catalog::metadata> metadata = {}; ///< WAL-E's backups have none
};

/// WAL-E's form, Python's "excel-tab": columns separated by tabs, lines ended by CR LF.
std::string tab_separated_header();
std::string tab_separated(const backup_row& row);

/// A list of objects, one line each. What is not known is null; sizes are numbers, times RFC 3339.
std::string as_json(std::span<const backup_row> rows);

/// Columns for people, aligned.
std::string as_table(std::span<const backup_row> rows);

} // namespace wale::command
