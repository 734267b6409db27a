// backup-list: the backups on stdout.
#include "backup_table.hpp"
#include "context.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    throw failure(
        kind::unavailable,
        "could not write the list to stdout",
        "stdout is closed or full.",
        "See where stdout goes, then run it again.");
}

enum class details { filled, vanished, unreadable };

task<details> fill_sentinel(context c, backup_row& row) {
  const store::object_key key = catalog::sentinel_key(row.listed.name);
  const std::optional<std::string> text = co_await catalog::read_object(c.rt, c.archive, key);
  if (!text) co_return details::vanished;
  row.sentinel = catalog::read_sentinel(*text, c.archive.url(key));
  co_return details::filled;
}

task<details> fill_metadata(context c, backup_row& row) {
  row.metadata = co_await catalog::load_metadata(c.rt, c.archive, row.listed.name);
  co_return details::filled;
}

// One bad object must not hide the other backups. A store that is away would be waited for once
// more for each of them.
task<details> look_into(context c, task<details> (*fill)(context, backup_row&), backup_row& row) {
  try {
    co_return co_await fill(c, row);
  } catch (const failure& f) {
    if (f.why() != kind::corrupt) throw;
    log::warning(
        "wal_e.operator.backup",
        {"a backup's details cannot be shown",
         row.listed.name.text() + ": " + f.text().msg +
             (f.text().detail.empty() ? "" : ": " + f.text().detail),
         "The backup is listed without them."});
  }
  co_return details::unreadable;
}

struct listing {
  std::vector<backup_row> rows;
  bool all_are_readable = true;
};

task<listing> look_at(context c, std::vector<catalog::backup> backups, bool wants_all) {
  listing found;
  for (catalog::backup& b : backups) {
    backup_row row{std::move(b)};
    details d = details::filled;
    if (wants_all || c.line.has("detail")) d = co_await look_into(c, fill_sentinel, row);
    if (d == details::vanished) continue;
    if (d == details::unreadable) found.all_are_readable = false;
    if (wants_all) d = co_await look_into(c, fill_metadata, row);
    if (d == details::unreadable) found.all_are_readable = false;
    found.rows.push_back(std::move(row));
  }
  co_return found;
}

} // namespace

task<int> backup_list(context c) {
  const bool as_objects = c.line.has("json");
  const bool for_people = c.line.has("pretty");
  if (as_objects && for_people)
    throw failure(
        kind::usage,
        "the command line was not understood",
        "--json and --pretty exclude each other");
  // Before the query is looked at, as WAL-E does.
  if (!as_objects && !for_people) print(tab_separated_header());

  std::vector<catalog::backup> backups;
  if (c.line.operands.empty())
    backups = co_await catalog::list_backups(c.archive);
  else
    backups = co_await catalog::find_backups(c.rt, c.archive, c.line.operands[0]);

  const bool wants_all = as_objects || for_people;
  const listing found = co_await look_at(c, std::move(backups), wants_all);
  std::string text;
  if (as_objects)
    text = as_json(found.rows);
  else if (for_people)
    text = as_table(found.rows);
  else
    for (const backup_row& row : found.rows)
      text += tab_separated(row);
  print(text);
  if (!found.all_are_readable)
    throw failure(
        kind::corrupt,
        "not every backup could be looked into",
        "The warnings before name them; what could not be read is left empty.",
        "Compare these objects with a copy of the archive.");
  co_return 0;
}

} // namespace wale::command
