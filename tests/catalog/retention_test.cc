// What delete keeps and why, on small archives that can be checked by eye. The property tests are
// in retention_property_test.cc.
#include "generated_archive.hpp"

#include <wale/catalog/retention.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace wale;
using namespace wale::catalog;
using test::hour;
using test::now;

namespace {

using keys = std::set<std::string>;

struct archive : archive_contents {
  archive() {
    now_ns = now;
    grace_ns = 24 * hour;
  }

  void add(std::vector<store::object_info>& to, std::string key, std::int64_t age) {
    store::object_info o;
    o.key.name = std::move(key);
    o.modified_ns = now - age * hour;
    o.size = 1;
    to.push_back(std::move(o));
  }
  /// base_SEGMENT_00000040, `age` hours old.
  backup_name backup(const std::string& segment, std::int64_t age) {
    const backup_name name = unfinished(segment, age);
    add(backups, sentinel_key(name).name, age);
    return name;
  }
  backup_name unfinished(const std::string& segment, std::int64_t age) {
    const backup_name name = backup_name::make(segment, 40);
    add(backups, version_key(name).name, age + 1);
    add(backups, partition_key(name, 0).name, age);
    return name;
  }
  void segments(std::initializer_list<const char*> names) {
    for (const char* name : names)
      add(wal, wal_key(name).name, 1);
  }
  /// timeline `tli` left `parent` at 1/0.
  void history(std::uint32_t tli, std::uint32_t parent) {
    histories[pg::timeline{tli}] = {{pg::timeline{parent}, pg::lsn{1ULL << 32}, ""}};
    segments({(pg::to_hex(pg::timeline{tli}) + ".history").c_str()});
  }
};

const verdict& verdict_of(const retention_plan& plan, const backup_name& name) {
  const auto found = std::ranges::find(plan.backups, name.text(), &verdict::name);
  REQUIRE(found != plan.backups.end());
  return *found;
}

keys kept_of(const retention_plan& plan) {
  keys kept;
  for (const verdict& v : plan.backups)
    if (v.kept) kept.insert(v.name);
  return kept;
}

keys wal_of(const retention_plan& plan) {
  keys gone;
  for (const removal& r : plan.wal)
    gone.insert(r.object.key.name.substr(8));
  return gone;
}

const std::string s03 = "000000010000000000000003", s05 = "000000010000000000000005",
                  s07 = "000000010000000000000007";

} // namespace

TEST_CASE("the archive of WAL-E's own example loses what WAL-E removes from it") {
  // The store before and after `delete --confirm before base_000000010000000000000005_00000040`.
  archive a;
  a.backup(s03, 40);
  const backup_name kept = a.backup(s05, 30);
  a.segments(
      {"000000010000000000000001",
       "000000010000000000000002",
       "000000010000000000000003",
       "000000010000000000000003.00000028.backup",
       "000000010000000000000004",
       "000000010000000000000005",
       "000000010000000000000005.00000028.backup",
       "000000010000000000000006",
       "000000010000000000000007.00000028.backup",
       "000000010000000000000007",
       "00000009.history",
       "000000090000000000000001",
       "000000090000000000000002",
       "000000090000000000000004",
       "000000090000000000000005.partial"});
  const retention_plan plan = plan_before(a, *retention_horizon::parse(kept.text()));
  CHECK(kept_of(plan) == keys{kept.text()});
  CHECK(
      wal_of(plan) == keys{
                          "000000010000000000000001.lzo",
                          "000000010000000000000002.lzo",
                          "000000010000000000000003.lzo",
                          "000000010000000000000003.00000028.backup.lzo",
                          "000000010000000000000004.lzo",
                          "000000090000000000000001.lzo",
                          "000000090000000000000002.lzo",
                          "000000090000000000000004.lzo"});
  CHECK(plan.kept_wal == 7);
}

TEST_CASE("what retain keeps is what was taken last") {
  archive a;
  SECTION("a cluster made anew begins at a low position on timeline 1") {
    a.backup("000000050000000000000010", 300);
    const auto older = a.backup("000000050000000000000012", 200);
    const auto newest = a.backup("000000010000000000000002", 100);
    CHECK(kept_of(plan_retain(a, 1)) == keys{newest.text()});
    CHECK(kept_of(plan_retain(a, 2)) == keys{newest.text(), older.text()});
  }
  SECTION("pg_upgrade goes back to timeline 1") {
    a.backup("000000070000000000000010", 300);
    const auto newest = a.backup("000000010000000000000011", 100);
    const retention_plan plan = plan_retain(a, 1);
    CHECK(kept_of(plan) == keys{newest.text()});
    CHECK(plan.oldest_retained == newest);
  }
  SECTION("metadata knows better than the store when that was") {
    const auto first = a.backup(s03, 10);
    const auto second = a.backup("00000002000000000000000A", 10);
    const auto copied_late = a.backup("000000030000000000000001", 1);
    a.facts = {
        {first, {now - 90 * hour, 7}},
        {second, {now - 50 * hour, 7}},
        {copied_late, {now - 70 * hour, 7}}};
    CHECK(kept_of(plan_retain(a, 1)) == keys{second.text()});
    CHECK(verdict_of(plan_retain(a, 1), copied_late).time_ns == now - 70 * hour);
  }
  SECTION("where times contradict positions on one timeline nothing that is further on goes") {
    const auto behind = a.backup(s03, 1);
    const auto ahead = a.backup(s05, 100);
    CHECK(kept_of(plan_retain(a, 1)) == keys{behind.text(), ahead.text()});
    CHECK(
        verdict_of(plan_retain(a, 1), ahead).reason.find("although it seems older") !=
        std::string::npos);
    a.facts = {{behind, {now - 1 * hour, 7}}, {ahead, {now - 100 * hour, 8}}};
    CHECK(kept_of(plan_retain(a, 1)) == keys{behind.text()}); // of another cluster
  }
  SECTION("nor on a timeline that descends from it, such as one that a clock ahead overshadows") {
    const auto before_failover = a.backup(s05, 1);
    const auto after_failover = a.backup("000000020000000000000007", 100);
    const auto elsewhere = a.backup("000000030000000000000007", 100);
    CHECK(kept_of(plan_retain(a, 1)) == keys{before_failover.text()});
    a.history(2, 1);
    a.history(3, 2);
    a.histories[pg::timeline{3}] = {{pg::timeline{2}, pg::lsn{1ULL << 32}, ""}};
    CHECK(kept_of(plan_retain(a, 1)) == keys{before_failover.text(), after_failover.text()});
    CHECK(
        verdict_of(plan_retain(a, 1), after_failover).reason.find("a later timeline") !=
        std::string::npos);
    CHECK_FALSE(verdict_of(plan_retain(a, 1), elsewhere).kept);
    a.facts = {{before_failover, {now - 1 * hour, 7}}, {after_failover, {now - 100 * hour, 8}}};
    CHECK(kept_of(plan_retain(a, 1)) == keys{before_failover.text()}); // of another cluster
  }
  SECTION("of two that begin in one segment none goes, as with WAL-E") {
    const auto later = a.backup(s05, 1);
    const auto earlier = backup_name::make(s05, 8192);
    a.add(a.backups, sentinel_key(earlier).name, 50);
    CHECK(kept_of(plan_retain(a, 1)) == keys{later.text(), earlier.text()});
    CHECK(verdict_of(plan_retain(a, 1), earlier).reason.find(later.text()) != std::string::npos);
  }
}

TEST_CASE("a backup whose sentinel is empty does not take the place of one that can be restored") {
  archive a;
  const backup_name oldest = a.backup(s03, 90);
  const backup_name good = a.backup(s05, 60);
  const backup_name lost = a.backup(s07, 30);
  a.backups.back().size = 0;
  a.segments({"000000010000000000000004", "000000010000000000000006", "000000010000000000000008"});
  CHECK(kept_of(plan_retain(a, 1)) == keys{good.text(), lost.text()});
  CHECK(wal_of(plan_retain(a, 1)) == keys{"000000010000000000000004.lzo"});
  CHECK(
      verdict_of(plan_retain(a, 1), lost).reason == "its sentinel is empty, so it does not count");
  CHECK(kept_of(plan_retain(a, 2)) == keys{oldest.text(), good.text(), lost.text()});

  // Of no use to anybody once it is older than what is kept.
  a.backup("000000010000000000000009", 10);
  CHECK(kept_of(plan_retain(a, 1)) == keys{"base_000000010000000000000009_00000040"});
}

TEST_CASE("without any backup that can be restored nothing goes") {
  archive a;
  const backup_name lost = a.backup(s05, 30);
  a.backups.back().size = 0;
  a.segments({"000000010000000000000004"});
  CHECK(kept_of(plan_retain(a, 1)) == keys{lost.text()});
  CHECK(wal_of(plan_retain(a, 1)).empty());
}

TEST_CASE("retain with as many backups as there are removes the WAL before them") {
  archive a;
  const auto only = a.backup(s05, 30);
  a.unfinished(s03, 30);
  a.segments({"000000010000000000000004", "000000010000000000000005"});
  const retention_plan plan = plan_retain(a, 5);
  CHECK(kept_of(plan) == keys{only.text()});
  CHECK(plan.contents.size() == 2);
  CHECK(wal_of(plan) == keys{"000000010000000000000004.lzo"});
}

TEST_CASE("without a completed backup nothing goes") {
  archive a;
  a.unfinished(s03, 1000);
  a.segments({"000000010000000000000001"});
  CHECK(test::keys_of(plan_retain(a, 1)).empty());
}

TEST_CASE("a backup that is perhaps in progress stays, with its WAL") {
  archive a;
  const auto running = a.unfinished(s03, 23);
  a.backup(s05, 30);
  const auto newest = a.backup(s07, 20);
  a.segments(
      {"000000010000000000000002",
       "000000010000000000000003",
       "000000010000000000000004",
       "000000010000000000000006",
       "000000020000000000000004",
       "000000020000000000000002"});
  a.history(2, 1);
  const retention_plan plan = plan_retain(a, 1);
  CHECK(kept_of(plan) == keys{running.text(), newest.text()});
  CHECK_FALSE(verdict_of(plan, running).complete);
  CHECK(wal_of(plan) == keys{"000000010000000000000002.lzo", "000000020000000000000002.lzo"});

  a.grace_ns = 23 * hour; // so it died: it is not younger
  const retention_plan later = plan_retain(a, 1);
  CHECK(kept_of(later) == keys{newest.text()});
  CHECK(later.sentinels.size() == 1);
  CHECK(later.contents.size() == 4);
  CHECK(wal_of(later).size() == 6);
}

TEST_CASE("WAL is needed on every timeline that may descend from a kept backup's") {
  archive a;
  a.backup("000000030000000000000009", 100);
  a.backup("000000020000000000000003", 50); // restored to an earlier point
  a.segments(
      {"000000010000000000000004",
       "000000020000000000000002",
       "000000020000000000000004",
       "000000030000000000000004",
       "000000040000000000000004",
       "000000050000000000000004",
       "000000050000000000000002"});
  a.history(2, 1);
  a.history(3, 1);
  a.history(4, 2);
  // Timeline 5 has none: it may descend from any.
  CHECK(
      wal_of(plan_retain(a, 1)) == keys{
                                       "000000010000000000000004.lzo",
                                       "000000020000000000000002.lzo",
                                       "000000030000000000000004.lzo",
                                       "000000050000000000000002.lzo"});
  SECTION("a history file that cannot be one tells nothing") {
    a.histories[pg::timeline{3}] = {{pg::timeline{9}, pg::lsn{}, ""}};
    CHECK(wal_of(plan_retain(a, 1)).count("000000030000000000000004.lzo") == 0);
    a.histories[pg::timeline{3}].clear();
    CHECK(wal_of(plan_retain(a, 1)).count("000000030000000000000004.lzo") == 0);
  }
}

TEST_CASE("before takes a backup's name or a segment, and nothing else") {
  CHECK(
      retention_horizon::parse("base_000000010000000000000005_00000040")->text() ==
      "base_000000010000000000000005_00000040");
  CHECK(retention_horizon::parse(s05)->segment.name() == s05);
  for (const char* text :
       {"LATEST", "", "00000001000000000000000a", "5", "base_000000010000000000000005_0000004"})
    CHECK_FALSE(retention_horizon::parse(text));
  // What begins with a name counts as it, as with WAL-E.
  CHECK(
      retention_horizon::parse("base_000000010000000000000005_00000040_backup_stop_sentinel.json")
          ->text() == "base_000000010000000000000005_00000040");
}

TEST_CASE("before a segment or a backup that is not there") {
  archive a;
  a.backup(s03, 40);
  const auto later = a.backup(s05, 30);
  for (const char* text :
       {"000000010000000000000004",
        "000000090000000000000004",
        "base_000000010000000000000004_00000040"})
    CHECK(kept_of(plan_before(a, *retention_horizon::parse(text))) == keys{later.text()});
}

TEST_CASE("before a backup keeps what was taken after it on another timeline") {
  archive a;
  const auto named = a.backup("000000050000000000000010", 300);
  const auto newest = a.backup("000000010000000000000002", 100);
  a.backup("000000040000000000000008", 400);
  CHECK(
      kept_of(plan_before(a, *retention_horizon::parse(named.text()))) ==
      keys{named.text(), newest.text()});
}

TEST_CASE("unknown keys stay and are named, as by WAL-E") {
  archive a;
  const auto old = a.backup(s03, 40);
  a.backup(s05, 30);
  a.add(a.backups, contents_prefix(old) + "notes.txt", 40);
  a.add(a.backups, contents_prefix(old) + "tar_partitions/x/part", 40);
  a.add(a.backups, "basebackups_005/notes.txt", 40);
  a.add(a.wal, "wal_005/notes.txt", 40);
  a.add(a.wal, "wal_005/x/000000010000000000000001.lzo", 40);
  const retention_plan plan = plan_retain(a, 1);
  keys skipped;
  for (const skipped_key& s : plan.skipped)
    skipped.insert(s.key.name + " appears " + std::string(s.why));
  CHECK(
      skipped ==
      keys{
          contents_prefix(old) +
              "notes.txt appears not to match the extended-version backup pattern",
          contents_prefix(old) + "tar_partitions/x/part appears to be at an unexpected depth",
          "basebackups_005/notes.txt appears not to match the base-backup sentinel pattern",
          "wal_005/notes.txt appears not to match the WAL file naming pattern",
          "wal_005/x/000000010000000000000001.lzo appears to be at an unexpected depth"});
  CHECK(test::keys_of(plan).size() == 3);
}

TEST_CASE("metadata and partial segments go with what they belong to") {
  archive a;
  const auto old = a.backup(s03, 40);
  const auto kept = a.backup(s05, 30);
  a.add(a.backups, metadata_key(old).name, 40);
  a.add(a.backups, metadata_key(kept).name, 30);
  a.segments({"000000010000000000000004.partial", "000000010000000000000006.partial"});
  const keys gone = test::keys_of(plan_retain(a, 1));
  CHECK(gone.contains(metadata_key(old).name));
  CHECK_FALSE(gone.contains(metadata_key(kept).name));
  CHECK(gone.contains("wal_005/000000010000000000000004.partial.lzo"));
  CHECK_FALSE(gone.contains("wal_005/000000010000000000000006.partial.lzo"));
}

TEST_CASE("everything is everything, sentinels first") {
  archive a;
  a.backup(s03, 40);
  a.unfinished(s05, 1);
  a.add(a.backups, "basebackups_005/notes.txt", 40);
  a.segments({"000000010000000000000004", "00000002.history", "x.partial"});
  const retention_plan plan = plan_everything(a.backups, a.wal);
  CHECK(plan.sentinels.size() == 1);
  CHECK(plan.contents.size() == 5);
  CHECK(plan.wal.size() == 3);
  CHECK(kept_of(plan).empty());
  CHECK(plan.backups.size() == 2);
}
