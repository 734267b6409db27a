// WAL-E's greedy packing (its volumes), with a smaller goal for trees that would otherwise leave
// most of the pool idle.
#include <wale/archive/partition.hpp>
#include <wale/base/error.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <utility>

namespace wale::archive {
namespace {

[[noreturn]] void refuse_large(const tree_entry& entry, std::uint64_t limit) {
  throw failure(
      kind::refused,
      "Attempted to archive a file that is too large.",
      "One file must fit into one partition of the backup.",
      "\"" + entry.path + "\" has " + std::to_string(entry.size) +
          " bytes, the limit is 1.5 GiB (" + std::to_string(limit) +
          " bytes). PostgreSQL's own files stay below it unless it was built with a larger segment "
          "size (--with-segsize): move the file out of the data directory if it does not belong to "
          "the cluster.");
}

/// The files of one partition that have several names, by device and inode.
class seen_files {
public:
  /// Bytes of body the entry adds.
  std::uint64_t body(const tree_entry& entry) const {
    if (entry.type != tree_entry::kind::file) return 0;
    return entry.links > 1 && seen_.contains({entry.device, entry.inode}) ? 0 : entry.size;
  }
  void add(const tree_entry& entry) {
    if (entry.type == tree_entry::kind::file && entry.links > 1)
      seen_.emplace(entry.device, entry.inode);
  }
  void clear() { seen_.clear(); }

private:
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
};

/// An archive of one partition is written and read by one pipeline, so a tree of 400 MB packed up
/// to WAL-E's limit would leave all but one of the pool's pipelines idle. The goal is therefore an
/// even share of the whole, within [least, bytes]: below `least` the cost per object prevails.
std::uint64_t
goal(std::span<const tree_entry> entries, std::size_t want, const partition_limits& limits) {
  std::uint64_t total = 0;
  for (const tree_entry& e : entries)
    if (e.type == tree_entry::kind::file) total += e.size;
  const std::uint64_t share = total / std::max<std::size_t>(want, 1) + 1;
  return std::clamp(share, std::min(limits.least, limits.bytes), limits.bytes);
}

} // namespace

std::vector<partition> plan_partitions(
    std::span<const tree_entry> entries, std::size_t want, const partition_limits& limits) {
  const std::uint64_t target = goal(entries, want, limits);
  std::vector<partition> plan;
  seen_files seen;
  partition now;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const tree_entry& entry = entries[i];
    if (entry.type == tree_entry::kind::file && entry.size > limits.bytes)
      refuse_large(entry, limits.bytes);
    const bool full =
        now.size + seen.body(entry) >= target || now.last - now.first >= limits.members;
    if (full && now.last > now.first) {
      plan.push_back(now);
      now = partition{i, i, 0};
      seen.clear();
    }
    now.size += seen.body(entry);
    now.last = i + 1;
    seen.add(entry);
  }
  if (now.last > now.first) plan.push_back(now);
  return plan;
}

std::uint64_t expanded_size(std::span<const partition> partitions) {
  std::uint64_t sum = 0;
  for (const partition& p : partitions)
    sum += p.size;
  return sum;
}

} // namespace wale::archive
