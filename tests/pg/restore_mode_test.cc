// Signal files and recovery.conf in PostgreSQL's own syntax (guc-file.l, bool.c).

#include "support/scratch_dir.hpp"

#include <wale/pg/restore_mode.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::pg;

TEST_CASE("standby_mode: booleans as PostgreSQL reads them", "[unit]") {
  for (const char* yes :
       {"standby_mode = on",
        "standby_mode = 'on'\n",
        "standby_mode='ON'",
        "standby_mode true",
        "  standby_mode\t=\ttrue # remark",
        "standby_mode = 'tru'",
        "standby_mode = y",
        "standby_mode = 'YES'",
        "standby_mode = 1",
        "standby_mode = '1'",
        "standby_mode=t",
        "standby_mode = on\r\n",
        "standby_mode 'on'",
        "standby_mode = '\\on'"})
    CHECK(is_standby_mode(yes));
  for (const char* no :
       {"",
        "#standby_mode = on",
        "standby_mode = off",
        "standby_mode = 'o'",
        "standby_mode = 0",
        "standby_mode = 'false'",
        "standby_mode =",
        "standby_mode",
        "standby_modes = on",
        "xstandby_mode = on",
        "restore_command = 'standby_mode = on'",
        "standby_mode = 'onn'",
        "standby_mode = '1 '",
        "standby_mode = truee",
        "standby_mode = 'on''"})
    CHECK_FALSE(is_standby_mode(no));
}

TEST_CASE("standby_mode: the last setting wins", "[unit]") {
  CHECK(is_standby_mode("standby_mode = off\nrestore_command = 'x'\nstandby_mode = on\n"));
  CHECK_FALSE(is_standby_mode("standby_mode = on\nstandby_mode = off"));
  CHECK(is_standby_mode("standby_mode = on\n#standby_mode = off\n"));
}

TEST_CASE("restore mode: which file says what", "[unit]") {
  const test::scratch_dir dir;
  CHECK(restore_mode_of(dir.path()) == restore_mode::neither);
  CHECK(restore_mode_of(dir.path() + "/absent") == restore_mode::neither);

  dir.write("recovery.conf", "restore_command = 'x'\n");
  CHECK(restore_mode_of(dir.path()) == restore_mode::targeted);
  dir.write("recovery.conf", "standby_mode = 'on'\n");
  CHECK(restore_mode_of(dir.path()) == restore_mode::standby);
  dir.remove("recovery.conf");

  dir.write("recovery.signal", "");
  CHECK(restore_mode_of(dir.path()) == restore_mode::targeted);
  dir.write("standby.signal", "");
  CHECK(restore_mode_of(dir.path()) == restore_mode::standby);
  dir.remove("recovery.signal");
  CHECK(restore_mode_of(dir.path()) == restore_mode::standby);
}

TEST_CASE("restore mode: a recovery.conf that cannot be read never promotes", "[unit]") {
  const test::scratch_dir dir;
  dir.link("recovery.conf", "recovery.conf"); // ELOOP, for root as well
  CHECK(restore_mode_of(dir.path()) == restore_mode::targeted);
}

TEST_CASE("recovering directory: the working directory, else beside the destination", "[unit]") {
  const test::scratch_dir dir;
  const test::working_directory here(dir.path());
  CHECK(recovering_directory("/data/pg_wal/RECOVERYXLOG") == "/data");
  CHECK(recovering_directory("/data/./pg_wal/RECOVERYXLOG") == "/data");
  CHECK(recovering_directory("pg_wal/RECOVERYXLOG") == ".");
  CHECK(recovering_directory("d/pg_wal/RECOVERYXLOG") == "d");
  CHECK(recovering_directory("RECOVERYXLOG") == "..");
  CHECK(recovering_directory("/RECOVERYXLOG") == "/");
  dir.make("elsewhere");
  dir.link("pg_wal", "elsewhere"); // not resolved
  CHECK(recovering_directory("pg_wal/RECOVERYXLOG") == ".");
  dir.write("PG_VERSION", "15\n");
  CHECK(recovering_directory("/data/pg_wal/RECOVERYXLOG") == ".");
}
