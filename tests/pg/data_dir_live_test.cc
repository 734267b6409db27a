// The walk of real clusters: it plans what pg_basebackup copies, and a server starts from a copy of
// what it plans.

#include "live.hpp"

#include <wale/pg/backup_session.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/data_dir.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
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

/// Puts the files of a plan below `target`, tablespaces where `space` says.
void copy_plan(const data_dir_plan& plan, const std::string& target, const std::string& space) {
  namespace fs = std::filesystem;
  fs::create_directories(target + "/pg_tblspc");
  for (const tablespace& t : plan.tablespaces)
    fs::create_directory_symlink(space, target + "/" + t.link);
  for (const tree_entry& e : plan.entries) {
    const std::string to = target + "/" + e.name;
    if (e.type == tree_entry::kind::directory)
      fs::create_directory(to);
    else if (e.type == tree_entry::kind::symlink)
      fs::create_symlink(e.link_target, to);
    else
      fs::copy_file(e.path, to);
  }
  fs::permissions(target, fs::perms::owner_all);
}

void write(const std::string& path, const void* bytes, std::size_t size) {
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
}

/// Every step of a backup, the copy being the store.
task<> back_up(
    io::runtime& rt,
    test::scratch_cluster& cluster,
    const std::string& target,
    const std::string& space) {
  backup_session session = co_await backup_session::open(rt);
  const backup_start started = co_await session.begin("label", true);
  copy_plan(scan_data_directory(find_cluster(cluster.data())), target, space);
  cluster.sql("INSERT INTO there SELECT generate_series(1, 100)");
  const control_image control = read_control_file(cluster.data());
  write(target + "/global/pg_control", control.bytes.data(), control.bytes.size());
  const backup_stop stopped = co_await session.stop();
  write(target + "/backup_label", stopped.backup_label.data(), stopped.backup_label.size());
  const std::string wal = cluster.major() >= 10 ? "/pg_wal/" : "/pg_xlog/";
  const segment_size size = session.facts().wal_segment_size;
  for (wal_segment s = started.segment; s <= stopped.segment; s = s.next(size))
    std::filesystem::copy_file(cluster.data() + wal + s.name(), target + wal + s.name());
}

void fill(const test::scratch_cluster& cluster, const std::string& location) {
  cluster.sql("CREATE TABLESPACE other LOCATION '" + location + "'");
  cluster.sql("CREATE UNLOGGED TABLE fleeting (i int, t text);"
              "INSERT INTO fleeting SELECT g, g FROM generate_series(1, 20000) g;"
              "CREATE TABLE here AS SELECT generate_series(1, 1000) i;"
              "CREATE TABLE there (i int) TABLESPACE other;"
              "CREATE UNLOGGED TABLE gone (i int) TABLESPACE other");
  cluster.sql("VACUUM here");
  cluster.sql("CHECKPOINT");
}

} // namespace

TEST_CASE("scan: a server starts from a copy of what is planned", "[live]") {
  test::scratch_cluster cluster;
  cluster.start();
  fill(cluster, cluster.make_directory("space"));
  const test::environment here(cluster.address());
  const std::string target = cluster.make_directory("restored");
  const std::string space = cluster.make_directory("restored_space");
  io::runtime_options options;
  options.handle_signals = false;
  io::runtime rt(options);
  rt.run(back_up(rt, cluster, target, space));
  const auto owned =
      test::run_program({"chown", "-RH", "--reference=" + cluster.data(), target, space});
  REQUIRE(owned.status == 0);

  test::scratch_cluster restored(target);
  restored.start();
  CHECK(restored.sql("SELECT count(*) FROM here") == "1000");
  CHECK(restored.sql("SELECT count(*) FROM there") == "100");
  CHECK(restored.sql("SELECT count(*) FROM fleeting") == "0");
  CHECK(restored.sql("SELECT count(*) FROM gone") == "0");
  CHECK(
      restored.sql(
          "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'other'") ==
      space);
}

TEST_CASE("scan: the same files as pg_basebackup", "[live]") {
  test::scratch_cluster cluster;
  cluster.start();
  const std::string location = cluster.make_directory("space");
  // The client is of 15 and refuses newer servers; those before 11 leave out less.
  if (cluster.major() < 11 || cluster.major() > 15) return;
  fill(cluster, location);
  const test::environment here(cluster.address());
  const std::string copy = cluster.make_directory("copy");
  const std::string copied_space = cluster.make_directory("copied_space");
  const auto done = test::run_program(
      {test::client_program("pg_basebackup"),
       "-N",
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
