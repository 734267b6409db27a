// wal-fetch: PostgreSQL's restore_command. What its exit code means to recovery is decided by
// exit_code.hpp; here is only what was found.
#include "prefetching.hpp"
#include "settings.hpp"
#include "store_words.hpp"
#include "time_limits.hpp"
#include "transfer.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/deadline.hpp>
#include <wale/pg/restore_mode.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace wale::command {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::string_view logger = "wal_e.operator.backup";

std::vector<log::field>
fields(const store::store& archive, const pg::wal_name& name, std::string_view state) {
  return {
      {"action", "wal-fetch"},
      {"key", archive.url(catalog::wal_key(name.text))},
      {"prefix", archive.prefix()},
      {"seg", name.text},
      {"state", std::string(state)}};
}

task<> fetch(context c, pg::wal_name name, std::string destination, bool& found) {
  found = co_await fetch_wal_file(c.rt, c.archive, std::move(name), std::move(destination));
}

task<> fetch_in_time(
    context c,
    pg::wal_name name,
    std::string destination,
    std::chrono::seconds budget,
    bool& found) {
  std::string doing = "Fetching " + name.text;
  task<> work = fetch(c, std::move(name), std::move(destination), found);
  co_await io::within(c.rt, budget, std::move(doing), std::move(work));
}

bool is_patient(const pg::wal_name& name, restore_mode mode) {
  return name.type == pg::wal_name::kind::history && mode != restore_mode::targeted;
}

bool is_worth_waiting_for(const failure& f) {
  return f.why() != kind::interrupted && f.why() != kind::bug;
}

// Of one try: all of them together end with the patience, rounded up to a second.
std::chrono::seconds time_left(std::chrono::seconds limit, clock::time_point give_up) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(give_up - clock::now());
  return std::clamp(left, std::chrono::seconds(1), limit);
}

// For a history file, where a failure would be taken for "there is none".
task<> fetch_patiently(
    context c, pg::wal_name name, std::string destination, restore_mode mode, bool& found) {
  const clock::time_point give_up = clock::now() + history_patience;
  std::chrono::milliseconds pause{250};
  while (true) {
    const std::chrono::seconds budget =
        is_patient(name, mode) ? time_left(c.limit, give_up) : c.limit;
    std::optional<failure> failed;
    try {
      co_await fetch_in_time(c, name, destination, budget, found);
    } catch (const failure& f) {
      failed = f;
    }
    if (!failed) co_return;
    if (!is_patient(name, mode) || !is_worth_waiting_for(*failed)) throw *failed;
    if (clock::now() + pause > give_up) throw *failed;
    log::warning(
        logger,
        {"a timeline history file could not be fetched, trying again",
         failed->text().msg + (failed->text().detail.empty() ? "" : ": " + failed->text().detail),
         "Until it is answered, a promotion could use timeline " + name.text.substr(0, 8) +
             " a second time."});
    co_await c.rt.sleep(pause);
    pause = std::min<std::chrono::milliseconds>(2 * pause, std::chrono::seconds(5));
  }
}

void log_absence(const std::string& from, const std::string& kind, const std::string& url) {
  log::record r;
  r.logger = from;
  r.severity = absence_level(kind);
  r.text = {
      "could no longer locate object while performing wal restore",
      "The absolute URI that could not be located is " + url + ".",
      "This can be normal when Postgres is trying to detect what timelines are available during "
      "restoration."};
  log::write(r);
}

} // namespace

task<int> wal_fetch(context c) {
  const pg::wal_name name = pg::wal_name::parse(c.line.operands.at(0));
  const std::string destination = c.line.operands.at(1);
  const restore_mode mode = pg::restore_mode_of(pg::recovering_directory(destination));
  const std::string url = c.archive.url(catalog::wal_key(name.text));

  log::info(logger, {"begin wal restore"}, fields(c.archive, name, "begin"));
  bool found = false;
  co_await fetch_patiently(c, name, destination, mode, found);
  const std::string from = blobstore_logger(c.archive.kind_name());
  if (!found) {
    log_absence(from, c.archive.kind_name(), url);
    co_return 1;
  }
  log::info(
      from,
      {"completed download and decompression",
       "Downloaded and decompressed \"" + url + "\" to \"" + destination + "\""});
  log::info(logger, {"complete wal restore"}, fields(c.archive, name, "complete"));
  const auto plan = plan_prefetch(c.line, storage_prefix(c.line.global), mode);
  if (plan) prefetch_behind(c.line, *plan);
  co_return 0;
}

} // namespace wale::command
