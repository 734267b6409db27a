// The walk against PostgreSQL's own: what pg_basebackup copies of a real cluster is what we plan.

#include "support/postgres.hpp"

#include <wale/pg/data_dir.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <set>
#include <string>

using namespace wale;
using namespace wale::pg;

namespace {

using names = std::set<std::string>;

/// Everything below `root`, links followed in pg_tblspc only; directories end in a slash.
names tree(const std::string& root) {
  namespace fs = std::filesystem;
  names found;
  const auto add = [&](const std::string& below, const std::string& prefix) {
    for (const auto& e : fs::recursive_directory_iterator(below)) {
      const std::string name = prefix + e.path().string().substr(below.size() + 1);
      found.insert(e.is_directory() && !e.is_symlink() ? name + "/" : name);
    }
  };
  add(root, "");
  for (const auto& e : fs::directory_iterator(root + "/pg_tblspc")) {
    const std::string name = "pg_tblspc/" + e.path().filename().string();
    if (!e.is_symlink()) continue;
    found.erase(name);
    add(fs::read_symlink(e.path()).string(), name + "/");
  }
  return found;
}

names planned(const data_dir_plan& plan) {
  names found;
  for (const tree_entry& e : plan.entries)
    found.insert(e.type == tree_entry::kind::directory ? e.name + "/" : e.name);
  return found;
}

names minus(const names& a, const names& b) {
  names left;
  for (const std::string& n : a)
    if (!b.contains(n)) left.insert(n);
  return left;
}

} // namespace

TEST_CASE("scan: the same files as pg_basebackup", "[live]") {
  test::scratch_cluster cluster;
  cluster.start();
  const std::string location = cluster.make_directory("space");
  cluster.sql("CREATE TABLESPACE other LOCATION '" + location + "'");
  cluster.sql("CREATE UNLOGGED TABLE fleeting (i int, t text);"
              "INSERT INTO fleeting SELECT g, g FROM generate_series(1, 20000) g;"
              "CREATE TABLE here AS SELECT generate_series(1, 1000) i;"
              "CREATE TABLE there (i int) TABLESPACE other;"
              "CREATE UNLOGGED TABLE gone (i int) TABLESPACE other");
  cluster.sql("VACUUM here");
  cluster.sql("CHECKPOINT");
  const test::environment here(cluster.address());
  const std::string copy = cluster.make_directory("copy");
  const std::string copied_space = cluster.make_directory("copied_space");
  const auto done = test::run_program(
      {test::client_program("pg_basebackup"),
       "-D",
       copy,
       "-c",
       "fast",
       "-X",
       "none",
       "-T",
       location + "=" + copied_space});
  INFO(done.output);
  REQUIRE(done.status == 0);

  const data_dir_plan plan = scan_data_directory(find_cluster(cluster.data()), std::string("log"));
  REQUIRE(plan.tablespaces.size() == 1);
  CHECK(plan.tablespaces[0].location == location);
  const names theirs = tree(copy);
  names ours = planned(plan);
  CHECK(ours.erase("/") == 1);
  const names not_planned =
      minus(theirs, {"backup_label", "backup_manifest", "global/pg_control", "tablespace_map"});
  CHECK(minus(not_planned, ours) == names{});
  CHECK(minus(ours, not_planned) == names{});
}
