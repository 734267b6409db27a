// Names are those of archives that WAL-E 1.1.1 wrote.
#include <wale/catalog/catalog.hpp>
#include <wale/catalog/layout.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::catalog;

namespace {

store::object_key key(std::string name) {
  store::object_key k;
  k.name = std::move(name);
  return k;
}

const std::string wal_e_name = "base_000000010000000000000003_00000040";

} // namespace

TEST_CASE("a backup is named by its start: segment and decimal offset") {
  const backup_name n = backup_name::make("000000010000000000000003", 40);
  CHECK(n.text() == wal_e_name);
  CHECK(n.segment() == "000000010000000000000003");
  CHECK(n.offset() == "00000040");
  CHECK(backup_name::make("000000010000000000000003", 123456789).offset() == "12345678");
}

TEST_CASE("only whole names of backups are read") {
  CHECK(backup_name::parse(wal_e_name));
  // WAL-E's offline backups carry hexadecimal digits there.
  CHECK(backup_name::parse("base_0000000100000000000000B0_000000B0"));
  CHECK_FALSE(backup_name::parse(wal_e_name + "x"));
  CHECK_FALSE(backup_name::parse("base_00000001000000000000000a_00000040"));
  CHECK_FALSE(backup_name::parse("base_000000010000000000000003-00000040"));
  CHECK_FALSE(backup_name::parse("LATEST"));
  CHECK_FALSE(backup_name::parse(""));
}

TEST_CASE("objects lie where WAL-E puts them") {
  const backup_name n = *backup_name::parse(wal_e_name);
  CHECK(sentinel_key(n).name == "basebackups_005/" + wal_e_name + "_backup_stop_sentinel.json");
  CHECK(version_key(n).name == "basebackups_005/" + wal_e_name + "/extended_version.txt");
  CHECK(
      partition_key(n, 12).name ==
      "basebackups_005/" + wal_e_name + "/tar_partitions/part_00000012.tar.lzo");
  CHECK(wal_key("00000002.history").name == "wal_005/00000002.history.lzo");
}

TEST_CASE("a sentinel is recognised at its place only") {
  const backup_name n = *backup_name::parse(wal_e_name);
  CHECK(sentinel_of(sentinel_key(n)) == n);
  CHECK_FALSE(sentinel_of(version_key(n)));
  CHECK_FALSE(sentinel_of(key("basebackups_005/x/" + wal_e_name + "_backup_stop_sentinel.json")));
  CHECK_FALSE(sentinel_of(key("basebackups_004/" + wal_e_name + "_backup_stop_sentinel.json")));
  CHECK_FALSE(sentinel_of(key(sentinel_key(n).name + ".tmp")));
}

TEST_CASE("partition numbers have any width, and nothing around them") {
  const backup_name n = *backup_name::parse(wal_e_name);
  const std::string at = partitions_prefix(n);
  CHECK(partition_number(n, partition_key(n, 7)) == 7U);
  CHECK(partition_number(n, key(at + "part_7.tar.lzo")) == 7U);
  CHECK_FALSE(partition_number(n, key(at + "part_.tar.lzo")));
  CHECK_FALSE(partition_number(n, key(at + "part_00000000.tar.lzo.tmp")));
  CHECK_FALSE(partition_number(n, key(at + "part_-1.tar.lzo")));
  CHECK_FALSE(partition_number(n, key(at + "part_99999999999.tar.lzo")));
  CHECK_FALSE(partition_number(n, key(at + "x")));
}

TEST_CASE("times are read as they are written") {
  CHECK(format_time(1795200028651509000) == "2026-11-20T18:40:28Z");
  CHECK(parse_time("2026-11-20T18:40:28Z") == 1795200028000000000);
  CHECK(parse_time("2026-11-20T18:40:28.651509Z") == 1795200028000000000);
  // Beyond 64 bits of nanoseconds, which end in 2262.
  CHECK(parse_time("9999-12-31T00:00:00Z") == 9223372036000000000);
  CHECK(parse_time("0001-01-01T00:00:00Z") == -9223372036000000000);
  CHECK_FALSE(parse_time("yesterday"));
  CHECK_FALSE(parse_time(""));
}
