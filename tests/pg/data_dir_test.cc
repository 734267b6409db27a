// Walks of trees made by hand, with everything a data directory may hold by accident or design.

#include "support/scratch_dir.hpp"

#include <wale/pg/data_dir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace wale;
using namespace wale::pg;

namespace {

/// The smallest tree that passes for a cluster.
void make_cluster(const test::scratch_dir& dir, const std::string& name = "data") {
  dir.write(name + "/PG_VERSION", "15\n");
  dir.write(name + "/global/pg_control", "x");
  dir.make(name + "/pg_wal/archive_status");
  dir.make(name + "/pg_tblspc");
}

data_dir_plan scan(const test::scratch_dir& dir, const std::optional<std::string>& logs = {}) {
  return scan_data_directory(find_cluster(dir / "data"), logs);
}

std::vector<std::string> names_of(const data_dir_plan& plan) {
  std::vector<std::string> names;
  for (const tree_entry& e : plan.entries)
    names.push_back(e.name);
  return names;
}

const tree_entry& entry(const data_dir_plan& plan, const std::string& name) {
  const auto found =
      std::find_if(plan.entries.begin(), plan.entries.end(), [&](const tree_entry& e) {
        return e.name == name;
      });
  if (found == plan.entries.end()) FAIL("no entry " << name);
  return *found;
}

bool has(const data_dir_plan& plan, const std::string& name) {
  const auto names = names_of(plan);
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class Body> explanation refusal(kind expected, Body body) {
  try {
    body();
  } catch (const failure& f) {
    CHECK(f.why() == expected);
    return f.text();
  }
  FAIL("accepted");
  return {};
}

} // namespace

TEST_CASE("find_cluster: absolute path and version", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  CHECK(find_cluster(dir / "data").path == dir / "data");
  CHECK(find_cluster(dir / "data///").path == dir / "data");
  CHECK(find_cluster(dir / "./data/.").path == dir / "data");
  CHECK(wal_directory_name(find_cluster(dir / "data")) == "pg_wal");
  CHECK(default_log_directory(find_cluster(dir / "data")) == "log");
  dir.link("link", "data");
  CHECK(find_cluster(dir / "link").path == dir / "link");
  {
    const test::working_directory here(dir.path());
    CHECK(find_cluster("data").path == dir / "data");
    CHECK(find_cluster("link/../data/").path == dir / "data");
  }
  dir.write("data/PG_VERSION", "9.6\n");
  CHECK(find_cluster(dir / "data").version == "9.6");
  CHECK(wal_directory_name(find_cluster(dir / "data")) == "pg_xlog");
  CHECK(default_log_directory(find_cluster(dir / "data")) == "pg_log");
}

TEST_CASE("find_cluster: what is no data directory", "[unit]") {
  const test::scratch_dir dir;
  const auto refuse = [&](const std::string& name) {
    return refusal(kind::configuration, [&] { find_cluster(name); });
  };
  CHECK(refuse("").msg == "not a PostgreSQL data directory");
  CHECK(
      refuse(dir / "absent").detail ==
      "\"" + (dir / "absent") + "\" cannot be looked at: No such file or directory (errno 2).");
  dir.write("file", "");
  CHECK(refuse(dir / "file").detail == "\"" + (dir / "file") + "\" is not a directory.");
  CHECK(refuse(dir.path()).detail == "\"" + dir.path() + "\" has no readable PG_VERSION.");
  dir.write("PG_VERSION", "fifteen\n");
  CHECK(refuse(dir.path()).detail == "\"" + dir.path() + "\" has a PG_VERSION that is no version.");
  dir.write("PG_VERSION", "15\n");
  CHECK(refuse(dir.path()).detail == "\"" + dir.path() + "\" has no global/pg_control.");
  CHECK_FALSE(refuse(dir.path()).hint.empty());
}

TEST_CASE("scan: sorted, parents first, pg_control not in it", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("data/base/5/1259", std::string(8192, 'x'));
  dir.write("data/base/5/1259_fsm", "abc");
  dir.write("data/base-notes", "");
  dir.write("data/global/1262", "12345");
  dir.make("data/empty");
  const data_dir_plan plan = scan(dir);
  CHECK(
      names_of(plan) == std::vector<std::string>{
                            "",
                            "PG_VERSION",
                            "base",
                            "base-notes",
                            "base/5",
                            "base/5/1259",
                            "base/5/1259_fsm",
                            "empty",
                            "global",
                            "global/1262",
                            "pg_tblspc",
                            "pg_wal",
                            "pg_wal/archive_status"});
  CHECK(plan.bytes == 3 + 8192 + 3 + 5);
  CHECK(plan.warnings.empty());
  CHECK(plan.tablespaces.empty());
  CHECK(entry(plan, "").type == tree_entry::kind::directory);
  const tree_entry& file = entry(plan, "base/5/1259");
  CHECK(file.type == tree_entry::kind::file);
  CHECK(file.size == 8192);
  CHECK(file.path == dir / "data/base/5/1259");
  struct stat found;
  REQUIRE(::stat(file.path.c_str(), &found) == 0);
  CHECK(file.mode == (found.st_mode & 07777));
  CHECK(file.uid == found.st_uid);
  CHECK(file.inode == found.st_ino);
  CHECK(file.mtime_ns / 1'000'000'000 == found.st_mtim.tv_sec);
  CHECK(file.links == 1);
}

TEST_CASE("scan: contents left out, also behind links", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.remove("data/pg_wal");
  dir.write("wal/000000010000000000000001", "x");
  dir.write("wal/archive_status/000000010000000000000001.ready", "");
  dir.make("wal/summaries");
  dir.link("data/pg_wal", dir / "wal");
  dir.write("ram/db_0.stat", "x");
  dir.link("data/pg_stat_tmp", dir / "ram");
  dir.write("data/pg_replslot/slot/state", "x");
  dir.write("data/sub/pg_replslot/kept", "x");
  const data_dir_plan plan = scan(dir);
  CHECK(entry(plan, "pg_wal").type == tree_entry::kind::directory);
  CHECK(entry(plan, "pg_wal/archive_status").type == tree_entry::kind::directory);
  CHECK(entry(plan, "pg_wal/summaries").type == tree_entry::kind::directory);
  CHECK(entry(plan, "pg_stat_tmp").type == tree_entry::kind::directory);
  CHECK(entry(plan, "pg_replslot").type == tree_entry::kind::directory);
  CHECK(has(plan, "sub/pg_replslot/kept"));
  for (const std::string& name : names_of(plan)) {
    CHECK(name.find("0000") == std::string::npos);
    CHECK(name.find("stat_tmp/") == std::string::npos);
    CHECK(
        name.find("slot/") == (name.starts_with("sub/") ? name.find("slot/") : std::string::npos));
  }
}

TEST_CASE("scan: log_directory, relative, absolute, outside, behind a link", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("data/log/postgresql.log", "x");
  dir.write("data/base/5/log/kept", "x");
  dir.write("outside/log/x", "x");
  CHECK(has(scan(dir), "log/postgresql.log"));
  for (const std::string& logs : {std::string("log"), dir / "data/log", std::string("./log/")}) {
    const data_dir_plan plan = scan(dir, logs);
    CHECK(has(plan, "log"));
    CHECK_FALSE(has(plan, "log/postgresql.log"));
    CHECK(has(plan, "base/5/log/kept"));
  }
  CHECK(has(scan(dir, dir / "outside/log"), "log/postgresql.log"));
  CHECK(has(scan(dir, "absent"), "log/postgresql.log"));
  CHECK(has(scan(dir, "."), "log/postgresql.log"));
  CHECK(has(scan(dir, "base"), "base/5/log/kept"));
  dir.link("data/link", dir / "outside/log");
  const data_dir_plan linked = scan(dir, "link");
  CHECK(entry(linked, "link").type == tree_entry::kind::symlink);
  CHECK_FALSE(has(linked, "link/x"));
}

TEST_CASE("scan: links, pipes, sockets", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("conf/postgresql.conf", "port = 1");
  dir.link("data/postgresql.conf", dir / "conf/postgresql.conf");
  dir.link("data/conf.d", "../conf");
  dir.link("data/dangling", "nowhere");
  REQUIRE(::mkfifo((dir / "data/pipe").c_str(), 0600) == 0);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir / "data/.s.PGSQL.5432";
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(fd);

  const data_dir_plan plan = scan(dir);
  CHECK(entry(plan, "postgresql.conf").type == tree_entry::kind::symlink);
  CHECK(entry(plan, "postgresql.conf").link_target == dir / "conf/postgresql.conf");
  CHECK(entry(plan, "conf.d").type == tree_entry::kind::symlink);
  CHECK(entry(plan, "conf.d").link_target == "../conf");
  CHECK_FALSE(has(plan, "conf.d/postgresql.conf"));
  CHECK(entry(plan, "dangling").link_target == "nowhere");
  CHECK(entry(plan, "pipe").type == tree_entry::kind::fifo);
  CHECK_FALSE(has(plan, ".s.PGSQL.5432"));
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings[0].detail == "\"" + path + "\" is a socket or a device.");
}

TEST_CASE("scan: directories of the cluster that were moved away are archived", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("moved/base/5/1259", "rows");
  dir.write("other/16384/2619", "rows");
  dir.write("moved/xact/0000", "x");
  dir.link("data/base", dir / "moved/base");
  dir.link("moved/base/16384", dir / "other/16384");
  dir.link("data/pg_xact", "../moved/xact");
  dir.write("conf/pg_hba.conf", "x");
  dir.link("data/pg_hba.conf", dir / "conf/pg_hba.conf");
  dir.link("data/pg_multixact", "/nowhere");
  dir.link("data/pg_dumps", "../moved");
  const data_dir_plan plan = scan(dir);
  CHECK(entry(plan, "base").type == tree_entry::kind::directory);
  CHECK(entry(plan, "base/5/1259").size == 4);
  CHECK(entry(plan, "base/16384").type == tree_entry::kind::directory);
  CHECK(entry(plan, "base/16384/2619").type == tree_entry::kind::file);
  CHECK(entry(plan, "pg_xact/0000").type == tree_entry::kind::file);
  CHECK(entry(plan, "pg_hba.conf").type == tree_entry::kind::symlink);
  CHECK(entry(plan, "pg_multixact").type == tree_entry::kind::symlink);
  CHECK(entry(plan, "pg_dumps").type == tree_entry::kind::symlink);
}

TEST_CASE("scan: so are moved directories within those, and pg_tblspc", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("moved/members/0000", "x");
  dir.make("data/pg_multixact");
  dir.link("data/pg_multixact/members", dir / "moved/members");
  dir.write("moved/version/5/1259", "rows");
  dir.make("space");
  dir.link("space/PG_15_202209061", dir / "moved/version");
  ::rmdir((dir / "data/pg_tblspc").c_str());
  dir.make("moved/tblspc");
  dir.link("moved/tblspc/16400", dir / "space");
  dir.link("data/pg_tblspc", dir / "moved/tblspc");
  const data_dir_plan plan = scan(dir);
  CHECK(entry(plan, "pg_multixact/members").type == tree_entry::kind::directory);
  CHECK(entry(plan, "pg_multixact/members/0000").type == tree_entry::kind::file);
  CHECK(entry(plan, "pg_tblspc").type == tree_entry::kind::directory);
  CHECK_FALSE(has(plan, "pg_tblspc/16400"));
  CHECK(entry(plan, "pg_tblspc/16400/PG_15_202209061").type == tree_entry::kind::directory);
  CHECK(entry(plan, "pg_tblspc/16400/PG_15_202209061/5/1259").size == 4);
}

TEST_CASE("scan: base is in the backup although a tablespace lies there, too", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("data/base/5/1259", "rows");
  dir.link("data/pg_tblspc/16400", dir / "data/base");
  CHECK(entry(scan(dir), "base/5/1259").size == 4);
}

TEST_CASE("scan: what no WAL mends has the size of when it is opened", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  for (const char* name :
       {"base/5/1259",
        "base/5/1259_fsm",
        "base/5/1259.1",
        "global/1262",
        "base/5/pg_filenode.map",
        "postgresql.auto.conf",
        "pg_logical/replorigin_checkpoint"})
    dir.write("data/" + std::string(name), "x");
  const data_dir_plan plan = scan(dir);
  for (const char* name : {"base/5/1259", "base/5/1259_fsm", "base/5/1259.1", "global/1262"})
    CHECK_FALSE(entry(plan, name).is_sized_when_opened);
  for (const char* name :
       {"base/5/pg_filenode.map", "postgresql.auto.conf", "pg_logical/replorigin_checkpoint"})
    CHECK(entry(plan, name).is_sized_when_opened);
}

TEST_CASE("scan: a dangling pg_xlog stays a link", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.link("data/pg_xlog", "/nowhere");
  CHECK(entry(scan(dir), "pg_xlog").type == tree_entry::kind::symlink);
}

TEST_CASE("scan: tablespaces behind links, of this version only", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("ts1/PG_15_202209061/5/16390", "data");
  dir.write("ts1/PG_15_202209061/5/t1_16391", "temporary");
  dir.write("ts1/PG_15_202209061/pgsql_tmp/pgsql_tmp1.0", "x");
  dir.write("ts1/PG_13_202007201/5/16390", "another server's");
  dir.write("ts1/README", "x");
  dir.make("ts2");
  dir.link("data/pg_tblspc/16385", (dir / "ts1") + "/");
  dir.link("data/pg_tblspc/9999", dir / "ts2");
  dir.write("data/pg_tblspc/16400/PG_15_202209061/5/1", "in place");
  const data_dir_plan plan = scan(dir);

  REQUIRE(plan.tablespaces.size() == 2);
  CHECK(plan.tablespaces[0].oid == "9999");
  CHECK(plan.tablespaces[1].oid == "16385");
  CHECK(plan.tablespaces[1].location == dir / "ts1");
  CHECK(plan.tablespaces[1].link == "pg_tblspc/16385");

  std::vector<std::string> below;
  for (const std::string& name : names_of(plan))
    if (name.starts_with("pg_tblspc")) below.push_back(name);
  CHECK(
      below == std::vector<std::string>{
                   "pg_tblspc",
                   "pg_tblspc/16385/PG_15_202209061",
                   "pg_tblspc/16385/PG_15_202209061/5",
                   "pg_tblspc/16385/PG_15_202209061/5/16390",
                   "pg_tblspc/16400",
                   "pg_tblspc/16400/PG_15_202209061",
                   "pg_tblspc/16400/PG_15_202209061/5",
                   "pg_tblspc/16400/PG_15_202209061/5/1"});
}

TEST_CASE("scan: a tablespace inside the data directory is archived once", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.write("data/inside/PG_15_202209061/5/16390", "data");
  dir.link("data/pg_tblspc/16385", dir / "data/inside");
  const data_dir_plan plan = scan(dir);
  CHECK(has(plan, "inside"));
  CHECK_FALSE(has(plan, "inside/PG_15_202209061"));
  CHECK(has(plan, "pg_tblspc/16385/PG_15_202209061/5/16390"));
}

TEST_CASE("scan: a tablespace that is not there is refused", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.link("data/pg_tblspc/16385", dir / "unmounted");
  const explanation words = refusal(kind::refused, [&] { scan(dir); });
  CHECK(words.msg == "a tablespace is not there");
  CHECK(words.detail.find(dir / "unmounted") != std::string::npos);
}

TEST_CASE("scan: unlogged and temporary relations in every database directory", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  for (const char* base : {"data/base/5/", "data/pg_tblspc/16400/PG_15_202209061/5/"}) {
    for (const char* name : {"100", "100_init", "100_fsm", "101", "t2_102"})
      dir.write(base + std::string(name), "x");
  }
  dir.write("data/other/t2_102", "x");
  const data_dir_plan plan = scan(dir);
  for (const char* base : {"base/5/", "pg_tblspc/16400/PG_15_202209061/5/"}) {
    CHECK(has(plan, base + std::string("100_init")));
    CHECK(has(plan, base + std::string("101")));
    CHECK_FALSE(has(plan, base + std::string("100")));
    CHECK_FALSE(has(plan, base + std::string("100_fsm")));
    CHECK_FALSE(has(plan, base + std::string("t2_102")));
  }
  CHECK(has(plan, "other/t2_102"));

  const data_dir_plan all =
      scan_data_directory(find_cluster(dir / "data"), {}, unlogged_relations::kept);
  CHECK(has(all, "base/5/100"));
  CHECK(has(all, "base/5/100_fsm"));
  CHECK_FALSE(has(all, "base/5/t2_102"));
}

TEST_CASE("scan: links and directories that come and go fail nothing", "[unit]") {
  const test::scratch_dir dir;
  make_cluster(dir);
  dir.make("data/base");
  const std::string database = dir / "data/base/5";
  const std::string link = dir / "data/linked.conf";
  const std::string space = dir / "data/pg_tblspc/16999";
  const std::string location = dir / "spc";
  dir.make("spc");
  std::atomic<bool> done = false;
  std::atomic<bool> failed = false;
  std::thread server([&] {
    while (!done && !failed) {
      const bool made = ::mkdir(database.c_str(), 0700) == 0 &&
                        ::symlink("elsewhere", link.c_str()) == 0 &&
                        ::symlink(location.c_str(), space.c_str()) == 0;
      const bool removed = ::rmdir(database.c_str()) == 0 && ::unlink(link.c_str()) == 0 &&
                           ::unlink(space.c_str()) == 0;
      failed = !made || !removed;
    }
  });
  std::string why;
  for (int i = 0; i < 10000 && why.empty(); ++i) {
    try {
      scan(dir);
    } catch (const failure& f) {
      why = f.text().msg + ": " + f.text().detail;
    }
  }
  done = true;
  server.join();
  CHECK(why.empty());
  CHECK_FALSE(failed);
}
