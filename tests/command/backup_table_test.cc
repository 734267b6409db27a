// The first row is of an archive that WAL-E 1.1.1 wrote and listed.
#include "backup_table.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::command;

namespace {

backup_row wal_e_row() {
  catalog::backup b{
      *catalog::backup_name::parse("base_000000010000000000000009_00000040"),
      1795200357000000000,
      "2026-11-20T18:45:57.000Z"};
  return {b};
}

backup_row full_row() {
  backup_row row = wal_e_row();
  row.listed.modified_ns += 331'724'000;
  row.sentinel.emplace();
  row.sentinel->wal_segment_backup_stop = "000000010000000000000009";
  row.sentinel->wal_segment_offset_backup_stop = "00000312";
  row.sentinel->expanded_size_bytes = 27292693;
  row.sentinel->tablespaces = {{"16384", "/srv/demo/ts1", "pg_tblspc/16384"}};
  row.metadata.emplace();
  row.metadata->finish_time = "2026-11-20T18:45:56Z";
  row.metadata->hostname = "db\"1\"";
  row.metadata->compressed_size = 6392572;
  row.metadata->system_identifier = 7'300'000'000'000'000'001;
  row.metadata->start_lsn = 0x109000028;
  return row;
}

} // namespace

TEST_CASE("the tab separated form is WAL-E's byte for byte") {
  CHECK(
      tab_separated_header() ==
      "name\tlast_modified\texpanded_size_bytes\twal_segment_backup_start\t"
      "wal_segment_offset_backup_start\twal_segment_backup_stop\twal_segment_offset_backup_stop"
      "\r\n");
  CHECK(
      tab_separated(wal_e_row()) ==
      "base_000000010000000000000009_00000040\t2026-11-20T18:45:57.000Z\t\t"
      "000000010000000000000009\t00000040\t\t\r\n");
  CHECK(
      tab_separated(full_row()) ==
      "base_000000010000000000000009_00000040\t2026-11-20T18:45:57.000Z\t27292693\t"
      "000000010000000000000009\t00000040\t000000010000000000000009\t00000312\r\n");
}

TEST_CASE("JSON has numbers for sizes, RFC 3339 for times and null for what is not known") {
  CHECK(as_json({}) == "[]\n");
  const std::vector<backup_row> rows{full_row(), wal_e_row()};
  const boost::json::array list = boost::json::parse(as_json(rows)).as_array();
  REQUIRE(list.size() == 2);
  const boost::json::object& first = list[0].as_object();
  CHECK(first.at("name") == "base_000000010000000000000009_00000040");
  CHECK(first.at("last_modified") == "2026-11-20T18:45:57.331724Z");
  CHECK(first.at("expanded_size_bytes") == 27292693);
  CHECK(first.at("compressed_size") == 6392572);
  CHECK(first.at("hostname") == "db\"1\"");
  CHECK(first.at("system_identifier") == "7300000000000000001");
  CHECK(first.at("start_lsn") == "1/9000028");
  CHECK(first.at("tablespaces").at(0).at("location") == "/srv/demo/ts1");
  const boost::json::object& second = list[1].as_object();
  CHECK(second.size() == first.size());
  CHECK(second.at("last_modified") == "2026-11-20T18:45:57Z");
  for (const char* name :
       {"expanded_size_bytes",
        "wal_segment_backup_stop",
        "tablespaces",
        "finish_time",
        "start_lsn",
        "system_identifier",
        "compressed_size"})
    CHECK(second.at(name).is_null());
}

TEST_CASE("the table is aligned") {
  const std::vector<backup_row> rows{full_row(), wal_e_row()};
  CHECK(
      as_table(rows) ==
      "NAME                                    TAKEN                     SIZE   STORED  "
      "WAL UP TO                 HOST\n"
      "base_000000010000000000000009_00000040  2026-11-20T18:45:56Z  26.0 MiB  6.1 MiB  "
      "000000010000000000000009  db\"1\"\n"
      "base_000000010000000000000009_00000040  2026-11-20T18:45:57Z         -        -  "
      "-                         -\n");
}
