// The limits are those of WAL-E's contract: 1,610,612,736 bytes and 6,144 members per volume.
#include <wale/archive/partition.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <numeric>
#include <string>
#include <vector>

using namespace wale;
using namespace wale::archive;

namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr std::uint64_t gib = 1024 * mib;

tree_entry file(std::uint64_t size) {
  tree_entry e;
  e.name = "base/1/" + std::to_string(size);
  e.path = "/data/" + e.name;
  e.size = size;
  return e;
}

tree_entry directory() {
  tree_entry e;
  e.type = tree_entry::kind::directory;
  e.size = 4096; // what stat says of one, and must not count
  return e;
}

std::vector<std::size_t> counts(const std::vector<partition>& plan) {
  std::vector<std::size_t> out;
  for (const partition& p : plan)
    out.push_back(p.last - p.first);
  return out;
}

void check_cover(const std::vector<partition>& plan, std::size_t entries) {
  std::size_t at = 0;
  for (const partition& p : plan) {
    CHECK(p.first == at);
    CHECK(p.last > p.first);
    at = p.last;
  }
  CHECK(at == entries);
}

} // namespace

TEST_CASE("no entries make no partitions", "[unit]") {
  CHECK(plan_partitions({}, 4).empty());
  CHECK(expanded_size({}) == 0);
}

TEST_CASE("a partition is closed before it reaches 1.5 GiB", "[unit]") {
  const std::vector<tree_entry> entries{
      file(gib), file(512 * mib - 1), file(1), file(512 * mib), file(gib)};
  const auto plan = plan_partitions(entries, 1);
  // gib + (512 MiB - 1) + 1 would be the limit itself, which WAL-E no longer packs.
  CHECK(counts(plan) == std::vector<std::size_t>{2, 2, 1});
  CHECK(plan[0].size == 1'610'612'735);
  CHECK(expanded_size(plan) == 3 * gib);
  check_cover(plan, entries.size());
}

TEST_CASE("a partition has at most 6,144 members", "[unit]") {
  const std::vector<tree_entry> entries(6'144 * 2 + 1, directory());
  CHECK(counts(plan_partitions(entries, 1)) == std::vector<std::size_t>{6'144, 6'144, 1});
}

TEST_CASE("a file of exactly the limit is packed alone, a larger one is refused", "[unit]") {
  const std::vector<tree_entry> fits{file(5), file(1'610'612'736), file(5)};
  CHECK(counts(plan_partitions(fits, 1)) == std::vector<std::size_t>{1, 1, 1});

  const std::vector<tree_entry> large{file(5), file(1'610'612'737)};
  try {
    plan_partitions(large, 1);
    FAIL("not refused");
  } catch (const failure& f) {
    CHECK(f.why() == kind::refused);
    CHECK(f.text().msg == "Attempted to archive a file that is too large.");
    CHECK_THAT(f.text().hint, Catch::Contains("1610612736"));
    CHECK_THAT(f.text().hint, Catch::Contains("1610612737"));
    CHECK_THAT(f.text().hint, Catch::Contains("/data/base/1/1610612737"));
  }
}

TEST_CASE("a small tree is spread over what may be in flight", "[unit]") {
  const std::vector<tree_entry> entries(4'000, file(mib / 10));
  const auto four = plan_partitions(entries, 4);
  CHECK(four.size() == 4);
  for (const partition& p : four)
    CHECK(p.size > 90 * mib);
  check_cover(four, entries.size());
  CHECK(plan_partitions(entries, 1).size() == 1);
  // None is made smaller than 64 MiB for it.
  CHECK(plan_partitions(entries, 100).size() == 7);
  CHECK(plan_partitions(entries, 0).size() == 1);
}

TEST_CASE("a large tree is packed up to WAL-E's limit however many may be in flight", "[unit]") {
  const std::vector<tree_entry> entries(100, file(gib));
  CHECK(plan_partitions(entries, 4).size() == 100);
  const std::vector<tree_entry> halves(100, file(gib / 2));
  CHECK(plan_partitions(halves, 4).size() == 50);
}

TEST_CASE("the second name of a file counts nothing within a partition", "[unit]") {
  tree_entry one = file(100);
  one.links = 2;
  one.device = 7;
  one.inode = 9;
  tree_entry other = one;
  other.inode = 10;
  const std::vector<tree_entry> entries{one, other, one};
  CHECK(expanded_size(plan_partitions(entries, 1)) == 200);

  partition_limits narrow;
  narrow.members = 2;
  const auto apart = plan_partitions(entries, 1, narrow);
  CHECK(counts(apart) == std::vector<std::size_t>{2, 1});
  CHECK(expanded_size(apart) == 300);
}
