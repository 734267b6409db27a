#include "generated_archive.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <regex>

namespace wale::test {
namespace {

store::object_info object(std::string name, std::int64_t modified) {
  store::object_info o;
  o.key.name = std::move(name);
  o.size = 1;
  o.modified_ns = modified;
  return o;
}

// Four segments to a log, so that positions cross from one to the next.
std::uint64_t number_at(std::uint64_t position) {
  return position / 4 << 32 | position % 4;
}

constexpr std::uint64_t positions = 24;

} // namespace

std::string segment_name(std::uint32_t tli, std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "%08X%016llX", tli, static_cast<unsigned long long>(number));
  return text;
}

void generator::add_timelines(made_archive& a, const archive_shape& shape) {
  const auto count = static_cast<std::uint32_t>(1 + below(shape.most_timelines));
  std::map<std::uint32_t, std::vector<pg::timeline_ancestor>> lines{{1, {}}};
  for (std::uint32_t tli = 2; tli <= count; ++tli) {
    const auto parent = static_cast<std::uint32_t>(1 + below(tli - 1));
    a.parent[tli] = parent;
    lines[tli] = lines[parent];
    lines[tli].push_back({pg::timeline{parent}, pg::lsn{below(positions) << 24}, "made up"});
    if (one_in(4)) continue; // its history never arrived, or cannot be read
    a.contents.histories[pg::timeline{tli}] = lines[tli];
    const std::string name = pg::to_hex(pg::timeline{tli});
    a.contents.wal.push_back(object("wal_005/" + name + ".history.lzo", now - 100 * hour));
  }
}

void generator::add_backup(
    made_archive& a, const archive_shape& shape, std::uint64_t position, std::uint64_t offset) {
  const auto tli = static_cast<std::uint32_t>(1 + below(a.parent.size() + 1));
  const std::uint64_t number = number_at(position);
  const auto name = catalog::backup_name::make(segment_name(tli, number), offset);
  made_backup b{name, tli, number, !one_in(3), 0, 0, std::nullopt};
  const std::uint64_t when = shape.odd_times && one_in(3) ? below(positions) : position;
  b.taken = now - 900 * hour + static_cast<std::int64_t>(when) * 20 * hour;
  b.newest = b.taken;
  if (!b.complete && shape.young_leftovers && one_in(2))
    b.newest = now - static_cast<std::int64_t>(below(24)) * hour;
  if (shape.odd_times && one_in(3)) b.cluster = 1 + below(2);
  auto& keys = a.contents.backups;
  const std::string top = "basebackups_005/" + name.text();
  if (b.complete) keys.push_back(object(top + "_backup_stop_sentinel.json", b.taken));
  keys.push_back(object(top + "/extended_version.txt", b.taken));
  if (one_in(2)) keys.push_back(object(top + "/metadata.json", b.taken));
  const std::uint64_t volumes = 1 + below(3);
  for (std::uint64_t n = 0; n < volumes; ++n)
    keys.push_back(
        object(top + "/tar_partitions/part_" + std::to_string(n) + ".tar.lzo", b.newest));
  if (b.complete) a.contents.facts[name] = {b.taken, b.cluster};
  a.backups.push_back(b);
}

void generator::add_wal(made_archive& a) {
  for (std::uint32_t tli = 1; tli <= a.parent.size() + 1; ++tli) {
    const std::uint64_t first = below(positions);
    const std::uint64_t end = first + below(positions);
    for (std::uint64_t position = first; position < end; ++position) {
      if (one_in(6)) continue; // a gap
      const std::string name = "wal_005/" + segment_name(tli, number_at(position));
      a.contents.wal.push_back(object(name + ".lzo", now - 50 * hour));
      if (one_in(6)) a.contents.wal.push_back(object(name + ".00000028.backup.lzo", now));
    }
    if (one_in(3))
      a.contents.wal.push_back(
          object("wal_005/" + segment_name(tli, number_at(end)) + ".partial.lzo", now));
  }
}

void generator::add_odd_keys(made_archive& a) {
  const std::string segment = segment_name(1, number_at(below(positions)));
  const std::string backup = "base_" + segment_name(1, number_at(below(positions))) + "_00000040";
  for (const std::string& name :
       {"wal_005/" + segment + ".lzo.tmp",
        "wal_005/deeper/" + segment + ".lzo",
        "wal_005/" + segment,
        "wal_005/" + segment + ".ready.lzo",
        std::string("wal_005/0000000200000000000000ab.lzo"),
        std::string("wal_005/notes.txt")})
    if (one_in(4)) a.contents.wal.push_back(object(name, now - 30 * hour));
  for (const std::string& name :
       {"basebackups_005/" + backup + ".json",
        std::string("basebackups_005/notes.txt"),
        "basebackups_005/copies/" + backup + "/extended_version.txt",
        "basebackups_005/copies/tar_partitions/" + backup,
        "basebackups_005/a/b/c/" + backup})
    if (one_in(4)) a.contents.backups.push_back(object(name, now - 30 * hour));
  if (a.backups.empty()) return;
  // Of a backup that is there.
  const made_backup& b = a.backups[below(a.backups.size())];
  const std::string top = "basebackups_005/" + b.name.text();
  for (const char* rest : {"/readme", "/logs/part_0.tar.lzo", "/tar_partitions/x/part_0.tar.lzo"})
    if (one_in(4)) a.contents.backups.push_back(object(top + rest, b.newest));
  if (one_in(4))
    a.contents.backups.push_back(object(top + "/tar_partitions/part_0.tar.lzo.tmp", b.newest));
}

made_archive generator::make(const archive_shape& shape) {
  made_archive a;
  a.contents.now_ns = now;
  a.contents.grace_ns = 24 * hour;
  add_timelines(a, shape);
  for (std::uint64_t position = 0; position < positions; ++position)
    if (one_in(4)) {
      add_backup(a, shape, position, 40);
      if (one_in(5)) add_backup(a, shape, position, 8192);
    }
  add_wal(a);
  add_odd_keys(a);
  std::ranges::sort(a.contents.backups, {}, &store::object_info::key);
  std::ranges::sort(a.contents.wal, {}, &store::object_info::key);
  return a;
}

std::set<std::string> removed_by_wal_e(const catalog::archive_contents& a, std::uint64_t horizon) {
  // wal_e/storage/base.py; [1] is log and segment.
  static const std::string segment = "[0-9A-F]{8}([0-9A-F]{16})";
  static const std::string base = "^basebackups_005/base_" + segment + "_[0-9A-F]{8}";
  static const std::regex patterns[]{
      std::regex(base + "_backup_stop_sentinel\\.json[^/]*$"),
      std::regex(base + "[^/]*/extended_version\\.txt$"),
      std::regex(base + "[^/]*/tar_partitions/[^/]*$"),
      std::regex("^wal_005/" + segment + "\\.lzo[^/]*$"),
      std::regex("^wal_005/" + segment + "\\.[A-F0-9]{8}.backup.lzo[^/]*$"),
  };
  std::set<std::string> removed;
  for (const auto* listing : {&a.backups, &a.wal})
    for (const store::object_info& o : *listing)
      for (const std::regex& pattern : patterns) {
        std::smatch match;
        if (std::regex_search(o.key.name, match, pattern) &&
            std::stoull(match[1], nullptr, 16) < horizon)
          removed.insert(o.key.name);
      }
  return removed;
}

std::uint64_t horizon_of_wal_e(const made_archive& a, std::size_t count) {
  std::vector<std::uint64_t> numbers;
  for (const made_backup& b : a.backups)
    if (b.complete) numbers.push_back(b.number);
  if (numbers.empty()) return 0;
  std::ranges::sort(numbers, std::greater());
  return numbers.size() <= count ? numbers.back() : numbers[count - 1];
}

std::set<std::string> keys_of(const catalog::retention_plan& plan) {
  std::set<std::string> keys;
  for (const auto* stage : {&plan.sentinels, &plan.contents, &plan.wal})
    for (const catalog::removal& r : *stage)
      keys.insert(r.object.key.name);
  return keys;
}

} // namespace wale::test
