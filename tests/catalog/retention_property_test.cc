// The planner against brute force, over thousands of generated archives: what goes is exactly what
// WAL-E would remove less what a kept backup needs, and nothing that is needed ever goes.
#include "generated_archive.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>

using namespace wale;
using namespace wale::catalog;
using namespace wale::test;

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr unsigned archives = 200; // twenty times as slow, and the planner has no memory of its own
#else
constexpr unsigned archives = 2000;
#endif

// Walks up the family; a history that is missing on the way could have said anything.
bool may_follow(const made_archive& a, std::uint32_t tli, std::uint32_t of) {
  if (tli == of) return true;
  if (tli == 1) return false;
  if (!a.contents.histories.contains(pg::timeline{tli})) return true;
  for (auto up = a.parent.find(tli); up != a.parent.end(); up = a.parent.find(up->second))
    if (up->second == of) return true;
  return false;
}

bool surely_follows(const made_archive& a, std::uint32_t tli, std::uint32_t of) {
  return tli == of || (a.contents.histories.contains(pg::timeline{tli}) && may_follow(a, tli, of));
}

bool is_young(const made_backup& b) {
  return !b.complete && now - b.newest < 24 * hour;
}

using keeps = std::function<bool(const made_backup&)>;

// By each key's own text: is it of this backup, is it WAL from this position on?
std::set<std::string> expected(const made_archive& a, std::uint64_t horizon, const keeps& keep) {
  std::set<std::string> gone;
  for (const made_backup& b : a.backups) {
    if (b.complete ? keep(b) : is_young(b) || b.number >= horizon) continue;
    const std::string top = "basebackups_005/" + b.name.text();
    for (const store::object_info& o : a.contents.backups) {
      const std::string& key = o.key.name;
      const bool is_known =
          key == top + "_backup_stop_sentinel.json" || key == top + "/extended_version.txt" ||
          key == top + "/metadata.json" ||
          (key.starts_with(top + "/tar_partitions/") && key.find('/', top.size() + 17) == key.npos);
      if (is_known) gone.insert(key);
    }
  }
  std::set<std::string> wal = removed_by_wal_e(a.contents, horizon);
  for (const store::object_info& o : a.contents.wal)
    if (o.key.name.ends_with(".partial.lzo") &&
        std::stoull(o.key.name.substr(16, 16), nullptr, 16) < horizon)
      wal.insert(o.key.name);
  for (const std::string& key : wal) {
    if (!key.starts_with("wal_005/")) continue;
    const auto tli = static_cast<std::uint32_t>(std::stoul(key.substr(8, 8), nullptr, 16));
    const std::uint64_t number = std::stoull(key.substr(16, 16), nullptr, 16);
    const bool is_needed = std::ranges::any_of(a.backups, [&](const made_backup& b) {
      const bool stays = b.complete ? keep(b) : is_young(b);
      return stays && number >= b.number && may_follow(a, tli, b.tli);
    });
    if (!is_needed) gone.insert(key);
  }
  return gone;
}

bool is_later(const made_backup& a, const made_backup& b) {
  return std::pair(a.taken, a.name.text()) > std::pair(b.taken, b.name.text());
}

bool may_be_one_cluster(const made_backup& a, const made_backup& b) {
  return !(a.cluster && b.cluster && *a.cluster != *b.cluster);
}

bool are_comparable(const made_backup& a, const made_backup& b) {
  return a.tli == b.tli && may_be_one_cluster(a, b);
}

// Fewer than `count` were taken later.
bool is_among_newest(const made_archive& a, const made_backup& b, std::size_t count) {
  const auto later = std::ranges::count_if(
      a.backups, [&](const made_backup& other) { return other.complete && is_later(other, b); });
  return static_cast<std::size_t>(later) < count;
}

bool is_retained(const made_archive& a, const made_backup& b, std::size_t count) {
  return is_among_newest(a, b, count) ||
         std::ranges::any_of(a.backups, [&](const made_backup& other) {
           return other.complete && is_among_newest(a, other, count) &&
                  may_be_one_cluster(other, b) && surely_follows(a, b.tli, other.tli) &&
                  other.number <= b.number;
         });
}

bool is_before(const made_archive& a, const made_backup& b, const retention_horizon& h) {
  if (b.number >= h.segment.number()) return false;
  return std::ranges::none_of(a.backups, [&](const made_backup& named) {
    return named.complete && h.backup == named.name && is_later(b, named) &&
           !are_comparable(b, named);
  });
}

std::size_t completed(const made_archive& a) {
  return static_cast<std::size_t>(std::ranges::count(a.backups, true, &made_backup::complete));
}

// Less what WAL-E never looks at.
std::set<std::string> known_to_wal_e(std::set<std::string> keys) {
  std::erase_if(keys, [](const std::string& key) {
    return key.ends_with(".partial.lzo") || key.ends_with("/metadata.json");
  });
  return keys;
}

} // namespace

TEST_CASE("delete retain against brute force") {
  std::size_t gone = 0;
  for (unsigned seed = 0; seed < archives; ++seed) {
    INFO("seed " << seed);
    generator g(seed);
    const made_archive a = g.make({});
    const std::size_t count = 1 + g.below(5);
    const std::set<std::string> removed = keys_of(plan_retain(a.contents, count));
    gone += removed.size();
    const keeps keep = [&](const made_backup& b) { return is_retained(a, b, count); };
    REQUIRE(removed == expected(a, horizon_of_wal_e(a, count), keep));
  }
  CHECK(gone > archives);
}

TEST_CASE("delete before against brute force") {
  std::size_t gone = 0;
  for (unsigned seed = 0; seed < archives; ++seed) {
    INFO("seed " << seed);
    generator g(archives + seed);
    const made_archive a = g.make({});
    const auto any = segment_name(static_cast<std::uint32_t>(1 + g.below(5)), g.below(6) << 32);
    const bool by_name = !a.backups.empty() && !g.one_in(3);
    const std::string text = by_name ? a.backups[g.below(a.backups.size())].name.text() : any;
    const retention_horizon horizon = *retention_horizon::parse(text);
    const std::set<std::string> removed = keys_of(plan_before(a.contents, horizon));
    gone += removed.size();
    const keeps keep = [&](const made_backup& b) { return !is_before(a, b, horizon); };
    REQUIRE(removed == expected(a, horizon.segment.number(), keep));
    // Never more than WAL-E.
    const std::set<std::string> theirs = removed_by_wal_e(a.contents, horizon.segment.number());
    REQUIRE(std::ranges::includes(theirs, known_to_wal_e(removed)));
  }
  CHECK(gone > archives);
}

TEST_CASE("on one timeline the same keys go as with WAL-E") {
  for (unsigned seed = 0; seed < archives; ++seed) {
    INFO("seed " << seed);
    generator g(2 * archives + seed);
    archive_shape shape;
    shape.most_timelines = 1;
    shape.young_leftovers = false;
    shape.odd_times = false;
    const made_archive a = g.make(shape);
    const std::size_t count = 1 + g.below(5);
    REQUIRE(
        known_to_wal_e(keys_of(plan_retain(a.contents, count))) ==
        removed_by_wal_e(a.contents, horizon_of_wal_e(a, count)));
    if (completed(a) == 0) continue;
    const retention_horizon horizon =
        *retention_horizon::parse(a.backups[g.below(a.backups.size())].name.text());
    REQUIRE(
        known_to_wal_e(keys_of(plan_before(a.contents, horizon))) ==
        removed_by_wal_e(a.contents, horizon.segment.number()));
  }
}
