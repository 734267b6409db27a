// Labels as PostgreSQL 9.6 and 15 gave them.

#include <wale/base/error.hpp>
#include <wale/pg/backup_session.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::pg;

TEST_CASE("backup_label: 15", "[unit]") {
  const backup_label label =
      parse_backup_label("START WAL LOCATION: 2/9000028 (file 000000030000000200000009)\n"
                         "CHECKPOINT LOCATION: 2/9000060\n"
                         "BACKUP METHOD: streamed\n"
                         "BACKUP FROM: standby\n"
                         "START TIME: 2026-11-20 21:40:40 UTC\n"
                         "LABEL: freeze_start_2026-11-20T21:40:39.1+00:00\n"
                         "START TIMELINE: 3\n");
  CHECK(to_string(label.start) == "2/9000028");
  CHECK(label.segment.name() == "000000030000000200000009");
  CHECK(label.segment.tli == timeline{3});
  CHECK(to_string(label.checkpoint) == "2/9000060");
  CHECK(label.label == "freeze_start_2026-11-20T21:40:39.1+00:00");
}

TEST_CASE("backup_label: 9.6 has no START TIMELINE", "[unit]") {
  const backup_label label =
      parse_backup_label("START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
                         "CHECKPOINT LOCATION: 0/2000060\n"
                         "BACKUP METHOD: streamed\n"
                         "BACKUP FROM: master\n"
                         "START TIME: 2026-11-20 21:40:40 UTC\n"
                         "LABEL: x\n");
  CHECK(label.segment.name() == "000000010000000000000002");
  CHECK(label.label == "x");
}

TEST_CASE("backup_label: unreadable", "[unit]") {
  for (const char* bad :
       {"",
        "\n",
        "START WAL LOCATION: ",
        "START WAL LOCATION: 0/2000028\n",
        "START WAL LOCATION: 0/2000028 (file 0000000100000000)\n",
        "START WAL LOCATION: x (file 000000010000000000000002)\n",
        "LABEL: START WAL LOCATION: 0/1\n"}) {
    try {
      parse_backup_label(bad);
      FAIL("accepted " << bad);
    } catch (const failure& f) {
      CHECK(f.why() == kind::corrupt);
    }
  }
}
