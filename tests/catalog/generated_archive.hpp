#pragma once
// Archives made up from a seed, and what WAL-E 1.1.1 would remove from them, by its own patterns:
// an oracle that shares no code with the planner.

#include <wale/catalog/retention.hpp>

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace wale::test {

constexpr std::int64_t hour = 3600LL * 1'000'000'000;
constexpr std::int64_t now = 500'000 * hour;

struct made_backup {
  catalog::backup_name name;
  std::uint32_t tli;
  std::uint64_t number;
  bool complete;
  std::int64_t taken;  ///< also when its sentinel was modified
  std::int64_t newest; ///< of its objects
  std::optional<std::uint64_t> cluster;
};

struct made_archive {
  catalog::archive_contents contents;
  std::vector<made_backup> backups;
  std::map<std::uint32_t, std::uint32_t> parent; ///< of each timeline but 1
};

struct archive_shape {
  std::uint32_t most_timelines = 5;
  bool young_leftovers = true;
  bool odd_times = true; ///< backups are not always taken in the order of their positions
};

class generator {
public:
  explicit generator(unsigned seed) : random_(seed) {}

  made_archive make(const archive_shape& shape);
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
  void add_timelines(made_archive& a, const archive_shape& shape);
  void add_backup(
      made_archive& a, const archive_shape& shape, std::uint64_t position, std::uint64_t offset);
  void add_wal(made_archive& a);
  void add_odd_keys(made_archive& a);

  std::mt19937 random_;
};

/// `log` is all but the last two digits, which are the segment in it, as with segments of 16 MiB.
std::string segment_name(std::uint32_t tli, std::uint64_t number);

/// The keys that WAL-E's `delete before` removes for a horizon (log and segment as one number).
std::set<std::string> removed_by_wal_e(const catalog::archive_contents& a, std::uint64_t horizon);
/// The horizon of WAL-E's `delete retain`; 0 if it removes nothing.
std::uint64_t horizon_of_wal_e(const made_archive& a, std::size_t count);

std::set<std::string> keys_of(const catalog::retention_plan& plan);

} // namespace wale::test
