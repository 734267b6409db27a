// The literal texts of the log are WAL-E 1.1.1's (wal_e/worker/base.py): people grep for them.
#include "delete_report.hpp"

#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>

#include <algorithm>
#include <cstdint>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.worker.base";

std::string counted(std::size_t n, const std::string& one, const std::string& many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

std::uint64_t bytes_of(const std::vector<catalog::removal>& removals) {
  std::uint64_t bytes = 0;
  for (const catalog::removal& r : removals)
    bytes += r.object.size;
  return bytes;
}

std::string line_of(const catalog::verdict& v) {
  return std::string(v.kept ? "keep" : "remove") + "\t" + v.name + "\t" +
         (v.complete ? "taken " : "touched ") + catalog::format_time(v.time_ns) + "\t" + v.reason +
         "\n";
}

} // namespace

std::string describe_plan(const catalog::retention_plan& plan) {
  std::string text;
  for (const catalog::verdict& v : plan.backups)
    text += line_of(v);
  for (const auto* stage : {&plan.sentinels, &plan.contents, &plan.wal})
    for (const catalog::removal& r : *stage)
      text += "remove\t" + r.object.key.name + "\t" + std::to_string(r.object.size) + "\n";
  for (const catalog::skipped_key& s : plan.skipped)
    text += "skip\t" + s.key.name + "\tit appears " + std::string(s.why) + "\n";

  const auto kept =
      static_cast<std::size_t>(std::ranges::count(plan.backups, true, &catalog::verdict::kept));
  const std::size_t objects = plan.sentinels.size() + plan.contents.size();
  text += "total\tkeep " + counted(kept, "backup", "backups") + " and " +
          counted(plan.kept_wal, "file of WAL", "files of WAL") + "\n";
  text += "total\tremove " + counted(plan.backups.size() - kept, "backup", "backups") + " (" +
          counted(objects, "object", "objects") + ", " +
          std::to_string(bytes_of(plan.sentinels) + bytes_of(plan.contents)) + " bytes) and " +
          counted(plan.wal.size(), "file of WAL", "files of WAL") + " (" +
          std::to_string(bytes_of(plan.wal)) + " bytes)\n";
  return text;
}

void log_retention(const store::store& archive, const catalog::retention_plan& plan) {
  std::size_t all = 0;
  std::size_t going = 0;
  for (const catalog::verdict& v : plan.backups) {
    if (!v.complete) continue;
    ++all;
    if (!v.kept) ++going;
  }
  explanation text;
  if (all == 0)
    text = {"Not deleting any data.", "No existing base backups."};
  else if (going > 0)
    text = {
        "Deleting " + std::to_string(going) + " oldest base backups.",
        "Found " + std::to_string(all) + " total base backups."};
  else if (all == 1)
    text.msg = "Retaining existing base backup.";
  else
    text.msg = "Retaining all " + std::to_string(all) + " base backups.";
  if (plan.oldest_retained)
    text.hint = "Deleting keys older than " +
                archive.url(catalog::sentinel_key(*plan.oldest_retained)) + ".";
  log::info(logger, std::move(text));
}

void log_skipped(const store::store& archive, const catalog::retention_plan& plan) {
  for (const catalog::skipped_key& s : plan.skipped)
    log::warning(
        logger,
        {"skipping non-qualifying key in 'delete before'",
         "The unexpected key is \"" + archive.url(s.key) + "\", and it appears " +
             std::string(s.why) + ".",
         "This means an unexpected key was found in a WAL-E prefix.  It can be harmless, or the "
         "result a bug or misconfiguration."});
}

void log_removals(
    const store::store& archive, std::span<const catalog::removal> removals, bool is_dry_run) {
  for (const catalog::removal& r : removals) {
    explanation text{
        "deleting " + std::string(r.thing),
        "The key being deleted is " + archive.url(r.object.key) + "."};
    if (is_dry_run) text.hint = "This is only a dry run -- no actual data is being deleted";
    log::info(logger, std::move(text));
  }
}

} // namespace wale::command
