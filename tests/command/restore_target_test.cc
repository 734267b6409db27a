// What a restore refuses to touch, on real directories.
#include "restore_target.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

using namespace wale;
using namespace wale::command;
namespace stdfs = std::filesystem;

namespace {

std::string refusal(const std::string& target, const catalog::sentinel& s, bool overwrite = false) {
  try {
    examine_target(target, s, overwrite);
  } catch (const failure& f) {
    return f.text().msg + " | " + f.text().detail;
  }
  return "";
}

catalog::sentinel with_tablespace(const std::string& base, const std::string& location) {
  catalog::sentinel s;
  s.base_prefix = base;
  s.tablespaces.push_back({"16384", location, "pg_tblspc/16384"});
  return s;
}

} // namespace

TEST_CASE("a missing and an empty directory are free") {
  const test::scratch_dir s;
  s.make("empty");
  CHECK(refusal(s / "empty", {}) == "");
  CHECK(refusal(s / "missing", {}) == "");
}

TEST_CASE("what people put there beforehand may stay and wins") {
  const test::scratch_dir s;
  s.write("d/postgresql.conf", "x");
  s.write("d/recovery.signal", "x");
  s.make("d/lost+found");
  s.make("d/pg_tblspc");
  const restore_target t = examine_target(s / "d", {}, false);
  CHECK(t.kept_files == std::set<std::string>{"postgresql.conf", "recovery.signal"});
}

TEST_CASE("anything else refuses the restore, and --overwrite allows it") {
  const test::scratch_dir s;
  s.write("d/PG_VERSION", "x");
  CHECK(refusal(s / "d", {}).find("holds \"PG_VERSION\"") != std::string::npos);
  CHECK(refusal(s / "d", {}, true) == "");
}

TEST_CASE("--overwrite removes nothing but a cluster, and is not advised twice") {
  const test::scratch_dir s;
  s.write("d/letters", "x");
  const auto hint = [&](bool overwrite) {
    try {
      examine_target(s / "d", {}, overwrite);
    } catch (const failure& f) {
      return f.text().hint;
    }
    return std::string();
  };
  CHECK(hint(false).find("or pass --overwrite") != std::string::npos);
  CHECK(hint(true).find("without PG_VERSION this is no data directory") != std::string::npos);
}

TEST_CASE("a running cluster is never touched, overwrite or not") {
  const test::scratch_dir s;
  s.write("d/postmaster.pid", "x");
  CHECK(refusal(s / "d", {}, true).starts_with("attempting to overwrite a live data directory"));
}

TEST_CASE("an unfinished restore of ours may be done again") {
  const test::scratch_dir s;
  prepare_target(examine_target(s / "d", {}, false));
  s.write("d/base/1/2", "x");
  CHECK(refusal(s / "d", {}) == "");
  {
    const restore_target again = examine_target(s / "d", {}, false);
    prepare_target(again);
    CHECK_FALSE(stdfs::exists(s / "d/base"));
    finish_target(again);
  }
  s.write("d/base/1/2", "x");
  CHECK(refusal(s / "d", {}) != "");
}

TEST_CASE("tablespaces need links to empty directories away from the source's") {
  const test::scratch_dir s;
  s.make("target/pg_tblspc");
  s.write("source/PG_VERSION", "x");
  s.write("source-ts/PG_15/1", "x");
  const catalog::sentinel b = with_tablespace(s / "source/", s / "source-ts");

  CHECK(refusal(s / "target", b).starts_with("Symlinks for some tablespaces not found"));

  const auto link_to = [&](const std::string& place) {
    stdfs::remove(s / "target/pg_tblspc/16384");
    stdfs::create_directory_symlink(place, s / "target/pg_tblspc/16384");
  };
  link_to(s / "source-ts");
  CHECK(refusal(s / "target", b).find("belongs to") != std::string::npos);
  s.make("source/inner");
  link_to(s / "source/inner");
  CHECK(refusal(s / "target", b, true).find("belongs to") != std::string::npos);

  s.write("elsewhere/PG_15/1", "x");
  link_to(s / "elsewhere");
  CHECK(refusal(s / "target", b).find("not empty") != std::string::npos);

  s.make("free");
  link_to(s / "free");
  const restore_target t = examine_target(s / "target", b, false);
  REQUIRE(t.tablespaces.placed.size() == 1);
  CHECK(tablespace_map(t.tablespaces) == "16384 " + (s / "free") + "\n");
}

TEST_CASE("overwriting removes everything") {
  const test::scratch_dir s;
  s.write("d/PG_VERSION", "15");
  s.write("d/pg_wal/000000010000000000000001", "x");
  s.write("d/base/1/2", "x");
  s.write("d/postgresql.conf", "x");
  prepare_target(examine_target(s / "d", {}, true));
  CHECK_FALSE(stdfs::exists(s / "d/pg_wal"));
  CHECK_FALSE(stdfs::exists(s / "d/base"));
  CHECK_FALSE(stdfs::exists(s / "d/postgresql.conf"));
}

TEST_CASE("a failed restore leaves the target as it was") {
  const test::scratch_dir s;
  const restore_target fresh = examine_target(s / "fresh", {}, false);
  prepare_target(fresh);
  s.write("fresh/base/1/2", "x");
  s.write("fresh/postgresql.conf", "from the backup");
  s.make("fresh/pg_tblspc");
  undo_target(fresh);
  CHECK_FALSE(stdfs::exists(s / "fresh"));

  s.write("used/postgresql.conf", "own");
  const restore_target used = examine_target(s / "used", {}, false);
  prepare_target(used);
  s.write("used/base/1/2", "x");
  s.write("used/pg_hba.conf", "from the backup");
  undo_target(used);
  CHECK(stdfs::exists(s / "used/postgresql.conf"));
  CHECK_FALSE(stdfs::exists(s / "used/pg_hba.conf"));
  CHECK_FALSE(stdfs::exists(s / "used/base"));
}

TEST_CASE("what is no data directory is not overwritten") {
  const test::scratch_dir s;
  s.write("srv/15/main/PG_VERSION", "15");
  CHECK(refusal(s / "srv/15", {}, true).find("holds \"main\"") != std::string::npos);
  CHECK(refusal(s / "srv/15/main", {}, true) == "");
}

TEST_CASE("two restores into one directory: the second is refused") {
  const test::scratch_dir s;
  const restore_target first = examine_target(s / "d", {}, false);
  prepare_target(first);
  CHECK(refusal(s / "d", {}).starts_with("another restore into this directory is running"));
}

TEST_CASE("a server that was started from an unfinished restore is nobody's leftover") {
  const test::scratch_dir s;
  prepare_target(examine_target(s / "d", {}, false));
  s.write("d/PG_VERSION", "15");
  s.write("d/postmaster.opts", "postgres");
  CHECK(refusal(s / "d", {}).find("not empty") != std::string::npos);
}

TEST_CASE("tablespaces do not overlap with each other, the target or the source") {
  const test::scratch_dir s;
  s.make("target/pg_tblspc");
  s.make("places/one");
  catalog::sentinel b = with_tablespace(s / "source/", s / "gone");
  b.tablespaces.push_back({"16385", s / "gone2", "pg_tblspc/16385"});
  const auto link = [&](const std::string& oid, const std::string& place) {
    stdfs::remove(s / ("target/pg_tblspc/" + oid));
    stdfs::create_directory_symlink(place, s / ("target/pg_tblspc/" + oid));
  };
  link("16384", s / "places/one");
  for (const char* place : {"places/one", "places", "target"}) {
    link("16385", s / place);
    CHECK(refusal(s / "target", b).starts_with("a tablespace needs a place of its own"));
  }
  s.write("places/all/source/PG_VERSION", "15");
  b.base_prefix = s / "places/all/source";
  link("16385", s / "places/all");
  CHECK(refusal(s / "target", b, true).find("belongs to") != std::string::npos);
}

TEST_CASE("files of a broken-off restore do not stay in a tablespace") {
  const test::scratch_dir s;
  s.make("ts");
  const catalog::sentinel b = with_tablespace(s / "source/", s / "gone");
  const auto prepare = [&](const std::string& target) {
    s.make(target + "/pg_tblspc");
    s.link(target + "/pg_tblspc/16384", s / "ts");
    prepare_target(examine_target(s / target, b, false));
  };
  prepare("d1");
  s.write("ts/PG_15_202209061/5/16400.1", "stale");
  prepare("d2");
  CHECK_FALSE(stdfs::exists(s / "ts/PG_15_202209061"));
}

TEST_CASE("overwriting leaves the other version's files in a shared tablespace alone") {
  const test::scratch_dir s;
  s.make("d/pg_tblspc");
  s.write("d/PG_VERSION", "15\n");
  s.write("ts/PG_15_202209061/5/1", "x");
  s.link("d/pg_tblspc/16384", s / "ts");
  const catalog::sentinel b = with_tablespace(s / "source/", s / "gone");
  CHECK(refusal(s / "d", b, true) == "");
  s.write("ts/PG_14_202107181/5/1", "x");
  CHECK(refusal(s / "d", b, true).find("holds \"PG_14_202107181\"") != std::string::npos);
  stdfs::remove_all(s / "ts/PG_14_202107181");
  s.write("ts/PG_1_202107181/5/1", "x");
  CHECK(refusal(s / "d", b, true).find("holds \"PG_1_202107181\"") != std::string::npos);
}

TEST_CASE("what --overwrite was broken off from can be done again") {
  constexpr uid_t nobody = 65534;
  const test::scratch_dir s;
  s.write("d/PG_VERSION", "15");
  s.write("d/base/1/2", "x");
  s.write("d/postmaster.opts", "postgres");
  stdfs::permissions(s / "", stdfs::perms::all);
  stdfs::permissions(s / "d", stdfs::perms::all);
  stdfs::permissions(s / "d/base", stdfs::perms::owner_read | stdfs::perms::owner_exec);
  const uid_t self = ::geteuid();
  if (self == 0) REQUIRE(::seteuid(nobody) == 0); // whom permissions bind
  CHECK_THROWS_AS(prepare_target(examine_target(s / "d", {}, true)), failure);
  REQUIRE(::seteuid(self) == 0);
  stdfs::permissions(s / "d/base", stdfs::perms::owner_all);
  CHECK_FALSE(stdfs::exists(s / "d/PG_VERSION"));
  CHECK(stdfs::exists(s / "d/base/1/2"));
  CHECK(refusal(s / "d", {}, true) == "");
  CHECK(refusal(s / "d", {}) == "");
}

TEST_CASE("overwriting empties a tablespace only of what tablespaces hold") {
  const test::scratch_dir s;
  s.make("d/pg_tblspc");
  s.write("d/PG_VERSION", "15");
  s.write("ts/home/letters", "x");
  s.link("d/pg_tblspc/16384", s / "ts");
  const catalog::sentinel b = with_tablespace(s / "source/", s / "gone");
  CHECK(refusal(s / "d", b, true).find("holds \"home\"") != std::string::npos);
}
