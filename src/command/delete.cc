// delete: plan, say it, and unless it is a dry run do it. Safe to interrupt, to repeat and to run
// several times at once: the sentinels go first, so that what is listed is whole, and an object
// that is gone already counts as removed.
#include "archive_contents.hpp"
#include "delete_report.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

constexpr std::size_t keys_at_once = 1000; // what S3 takes in one request
constexpr std::array<std::string_view, 5> old_versions{"000", "001", "002", "003", "004"};

struct deletion {
  bool is_dry_run = true;
  bool takes_all = false; ///< backups in progress as well
  catalog::archive_contents archive = {};
  catalog::retention_plan plan = {};
};

void print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0)
    throw failure(
        kind::unavailable,
        "could not write the plan to stdout",
        "stdout is closed or full.",
        "Nothing was removed that had not been shown before.");
}

catalog::retention_horizon read_horizon(const std::string& text) {
  if (auto horizon = catalog::retention_horizon::parse(text)) return *horizon;
  throw failure(
      kind::usage,
      "the command line was not understood",
      "\"" + text + "\" is neither the name of a backup nor a WAL segment.",
      text == "LATEST" ? "Use retain 1, or the name that backup-list shows."
                       : "Use a name that backup-list shows, or 24 digits of 0-9 and A-F.");
}

void warn_of_unknown_backup(const catalog::retention_plan& plan, const std::string& name) {
  const auto found = std::ranges::find(plan.backups, name, &catalog::verdict::name);
  if (found != plan.backups.end() && found->complete) return;
  log::warning(
      "wal_e.worker.base",
      {"the backup that was named is not in the archive",
       "There is no completed backup \"" + name + "\".",
       "What lies before its position goes, as with WAL-E."});
}

task<> plan_everything(context c, deletion& d, std::string version) {
  const std::string backups = "basebackups_" + version + "/";
  const std::string wal = "wal_" + version + "/";
  const std::vector<store::object_info> its_backups = co_await c.archive.list(backups);
  const std::vector<store::object_info> its_wal = co_await c.archive.list(wal);
  catalog::retention_plan one = catalog::plan_everything(its_backups, its_wal);
  const auto append = [](auto& to, auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(d.plan.backups, one.backups);
  append(d.plan.sentinels, one.sentinels);
  append(d.plan.contents, one.contents);
  append(d.plan.wal, one.wal);
}

task<> make_plan(context c, deletion& d) {
  const std::string_view what = c.line.subcommand->name;
  d.takes_all = what == "delete everything" || what == "delete old-versions";
  if (what == "delete everything") {
    co_await plan_everything(c, d, "005");
    co_return;
  }
  if (what == "delete old-versions") {
    for (const std::string_view version : old_versions) {
      std::string one(version);
      co_await plan_everything(c, d, std::move(one));
    }
    co_return;
  }
  const std::string operand = c.line.operands.at(0);
  std::optional<catalog::retention_horizon> horizon;
  if (what == "delete before") horizon = read_horizon(operand);
  d.archive = co_await look_at_archive(c, c.line.time("grace"));
  if (horizon) {
    d.plan = catalog::plan_before(d.archive, *horizon);
    if (horizon->backup) warn_of_unknown_backup(d.plan, horizon->backup->text());
  } else {
    d.plan = catalog::plan_retain(d.archive, std::stoul(operand));
    log_retention(c.archive, d.plan);
  }
}

failure some_were_not_deleted(const failure& first) {
  const explanation& text = first.text();
  return first.with_msg("Some keys were not deleted")
      .with_detail(text.msg + (text.detail.empty() ? "" : ": " + text.detail))
      .with_hint("Mend what DETAIL says, then run it again: what is gone already is no obstacle.");
}

// Ends after the first lot of which something could not be removed.
task<> remove_stage(context c, const std::vector<catalog::removal>& removals) {
  const std::span<const catalog::removal> all(removals);
  for (std::size_t at = 0; at < all.size(); at += keys_at_once) {
    const auto some = all.subspan(at, std::min(keys_at_once, all.size() - at));
    log_removals(c.archive, some, false);
    std::vector<store::object_key> keys;
    for (const catalog::removal& r : some)
      keys.push_back(r.object.key);
    co_await c.archive.remove(std::move(keys));
  }
}

task<std::optional<failure>>
try_to_remove(context c, const std::vector<catalog::removal>& removals) {
  try {
    co_await remove_stage(c, removals);
  } catch (const failure& f) {
    if (f.why() == kind::interrupted || f.why() == kind::bug) throw;
    co_return some_were_not_deleted(f);
  }
  co_return std::nullopt;
}

task<> remove_all(context c, const catalog::retention_plan& plan) {
  // A backup that is still listed must stay whole.
  const std::optional<failure> listed = co_await try_to_remove(c, plan.sentinels);
  if (listed) throw *listed;
  const std::optional<failure> contents = co_await try_to_remove(c, plan.contents);
  const std::optional<failure> wal = co_await try_to_remove(c, plan.wal);
  if (contents) throw *contents;
  if (wal) throw *wal;
}

} // namespace

task<int> delete_objects(context c) {
  deletion d;
  d.is_dry_run = c.line.has("dry-run") || !c.line.has("confirm");
  log::info(
      "wal_e.main",
      {d.is_dry_run ? "performing dry run of data deletion" : "deleting data in the store"});
  co_await make_plan(c, d);
  log_skipped(c.archive, d.plan);
  print(describe_plan(d.plan));
  if (d.is_dry_run) {
    for (const auto* stage : {&d.plan.sentinels, &d.plan.contents, &d.plan.wal})
      log_removals(c.archive, *stage, true);
    print("done\tthis was a dry run, nothing is removed; --confirm removes it\n");
    co_return 0;
  }
  if (!d.takes_all) co_await require_still_unfinished(c, d.archive, d.plan);
  co_await remove_all(c, d.plan);
  co_await c.archive.sweep();
  print("done\tall of it is removed\n");
  co_return 0;
}

} // namespace wale::command
