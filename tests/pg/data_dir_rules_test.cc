// The rules against the lists in basebackup.c and the manual ("pg_basebackup", "Database File
// Layout").

#include "data_dir_rules.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace wale::pg;

TEST_CASE("rules: directories kept without their content", "[unit]") {
  for (const char* name :
       {"pg_wal",
        "pg_xlog",
        "pg_replslot",
        "pg_dynshmem",
        "pg_notify",
        "pg_serial",
        "pg_snapshots",
        "pg_stat_tmp",
        "pg_subtrans"}) {
    CHECK(rule_for("", name) == verdict::empty);
    CHECK(rule_for("base/5", name) == verdict::keep); // by path, not by name
  }
}

TEST_CASE("rules: names left out at the top only", "[unit]") {
  for (const char* name :
       {"postmaster.pid",
        "postmaster.opts",
        "postgresql.auto.conf.tmp",
        "current_logfiles.tmp",
        "backup_label",
        "tablespace_map",
        "backup_manifest",
        "recovery.signal",
        "standby.signal",
        "recovery.conf",
        "recovery.done",
        "promote"}) {
    CHECK(rule_for("", name) == verdict::drop);
    CHECK(rule_for("extra", name) == verdict::keep);
  }
  CHECK(rule_for("global", "pg_control") == verdict::drop);
  CHECK(rule_for("", "pg_control") == verdict::keep);
}

TEST_CASE("rules: names left out anywhere", "[unit]") {
  for (const char* parent : {"", "base", "base/5", "pg_tblspc/16384/PG_15_202209061", "a/b"}) {
    CHECK(rule_for(parent, "pgsql_tmp") == verdict::drop);
    CHECK(rule_for(parent, "pgsql_tmp123.0") == verdict::drop);
    CHECK(rule_for(parent, ".wal-e") == verdict::drop);
    CHECK(rule_for(parent, "lost+found") == verdict::drop);
  }
}

TEST_CASE("rules: what users would miss stays", "[unit]") {
  for (const char* name :
       {"postgresql.conf",
        "pg_hba.conf",
        "pg_ident.conf",
        "postgresql.auto.conf",
        "PG_VERSION",
        "current_logfiles",
        "base",
        "global",
        "pg_xact",
        "pg_multixact",
        "pg_logical",
        "pg_twophase",
        "pg_commit_ts",
        "pg_stat",
        "pg_tblspc",
        "log",
        "pg_log",
        "backup_label.old",
        "server.crt"})
    CHECK(rule_for("", name) == verdict::keep);
}

TEST_CASE("rules: relation caches in database directories", "[unit]") {
  CHECK(rule_for("global", "pg_internal.init") == verdict::drop);
  CHECK(rule_for("base/5", "pg_internal.init.1234") == verdict::drop);
  CHECK(rule_for("pg_tblspc/16384/PG_15_202209061/5", "pg_internal.init") == verdict::drop);
  CHECK(rule_for("", "pg_internal.init") == verdict::keep);
}

TEST_CASE("rules: database directories", "[unit]") {
  for (const char* yes : {"global", "base/1", "pg_tblspc/16384/PG_9.6_201608131/16385"})
    CHECK(is_database_directory(yes));
  for (const char* no :
       {"",
        "base",
        "base/x",
        "base/1/2",
        "pg_tblspc/16384",
        "pg_tblspc/16384/PG_15_202209061",
        "pg_tblspc/x/PG_15_202209061/5",
        "pg_tblspc/1/other/5",
        "base/"})
    CHECK_FALSE(is_database_directory(no));
}

TEST_CASE("rules: log_directory never hides data", "[unit]") {
  for (const char* data : {"base", "base/5", "global", "pg_xact", "pg_wal", "pg_tblspc/1"})
    CHECK(is_cluster_data(data));
  for (const char* logs : {"log", "pg_log", "logs/pg", "basement"})
    CHECK_FALSE(is_cluster_data(logs));
}

TEST_CASE("relations: unlogged ones keep their init fork, temporary ones nothing", "[unit]") {
  const std::vector<std::string> names = {"16384",       "16384.1",    "16384_fsm",
                                          "16384_vm",    "16384_init", "16384_init.1",
                                          "1638",        "163840",     "16385",
                                          "16385_vm",    "t3_16386",   "t3_16386_fsm",
                                          "t12_16386.1", "PG_VERSION", "pg_filenode.map",
                                          "16387_",      "t_1",        "t3_",
                                          "16384_other", "16384.x",    "1a"};
  const relation_filter filter(names);
  std::vector<std::string> dropped;
  std::copy_if(names.begin(), names.end(), std::back_inserter(dropped), [&](const std::string& n) {
    return filter.drops(n);
  });
  CHECK(
      dropped ==
      std::vector<std::string>{
          "16384", "16384.1", "16384_fsm", "16384_vm", "t3_16386", "t3_16386_fsm", "t12_16386.1"});
}
