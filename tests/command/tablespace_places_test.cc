// Where tablespaces go, on real directories.
#include "restore_target.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace wale;
using namespace wale::command;
namespace stdfs = std::filesystem;

namespace {

constexpr const char* oid = "16384";

catalog::sentinel backup_of(const test::scratch_dir& s) {
  catalog::sentinel b;
  b.base_prefix = s / "source/";
  b.tablespaces.push_back({oid, s / "gone", "pg_tblspc/16384"});
  return b;
}

catalog::restore_wish into(const std::string& place) {
  catalog::restore_wish w;
  w.places[oid] = place;
  return w;
}

catalog::restore_wish blindly() {
  catalog::restore_wish w;
  w.blind = true;
  return w;
}

restore_target
examine(const test::scratch_dir& s, const catalog::restore_wish& wish, bool overwrite = false) {
  return examine_target(s / "d", backup_of(s), overwrite, wish);
}

std::string
refusal(const test::scratch_dir& s, const catalog::restore_wish& wish, bool overwrite = false) {
  try {
    examine(s, wish, overwrite);
  } catch (const failure& f) {
    return f.text().msg + " | " + f.text().detail;
  }
  return "";
}

void link_to(const test::scratch_dir& s, const std::string& place) {
  s.make("d/pg_tblspc");
  s.remove("d/pg_tblspc/16384");
  s.link("d/pg_tblspc/16384", s / place);
}

std::string link_of(const test::scratch_dir& s) {
  return stdfs::read_symlink(s / "d/pg_tblspc/16384");
}

} // namespace

TEST_CASE("the restore makes the place and the link that were wished for, and takes them back") {
  const test::scratch_dir s;
  const restore_target t = examine(s, into(s / "new"));
  CHECK(stdfs::is_empty(s / "new"));
  prepare_target(t);
  CHECK(link_of(s) == s / "new");
  CHECK(tablespace_map(t.tablespaces) == "16384 " + (s / "new") + "\n");
  s.write("new/PG_15_202209061/5/1", "x");
  undo_target(t);
  CHECK_FALSE(stdfs::exists(s / "new"));
  CHECK_FALSE(stdfs::exists(s / "d"));
}

TEST_CASE("a place that was there stays when the restore fails") {
  const test::scratch_dir s;
  s.make("there");
  s.make("d");
  const restore_target t = examine(s, into(s / "there"));
  prepare_target(t);
  s.write("there/PG_15_202209061/5/1", "x");
  undo_target(t);
  CHECK(stdfs::is_empty(s / "there"));
  CHECK(stdfs::is_empty(s / "d"));
}

TEST_CASE("what is refused leaves no directory behind") {
  const test::scratch_dir s;
  s.write("source/PG_VERSION", "15");
  CHECK(refusal(s, into(s / "source/inner")).find("belongs to") != std::string::npos);
  CHECK(refusal(s, into(s / "d/inner")).find("overlaps") != std::string::npos);
  CHECK(refusal(s, into(s / "no/parent")).find("cannot be made") != std::string::npos);
  s.write("file", "x");
  CHECK(refusal(s, into(s / "file")).find("something else") != std::string::npos);
  s.link("dangling", s / "nowhere");
  CHECK(refusal(s, into(s / "dangling")).find("leads nowhere") != std::string::npos);
  s.write("full/letters", "x");
  CHECK(refusal(s, into(s / "full")).find("not empty") != std::string::npos);
  CHECK_FALSE(stdfs::exists(s / "d"));
}

TEST_CASE("a link that is there must be the one that is wished for") {
  const test::scratch_dir s;
  s.make("one");
  s.make("other");
  link_to(s, "one");
  {
    const restore_target t = examine(s, into(s / "one"));
    prepare_target(t);
    undo_target(t);
    CHECK(link_of(s) == s / "one");
  }
  CHECK(refusal(s, into(s / "other")).starts_with("a tablespace has another link"));
  s.write("d/PG_VERSION", "15");
  prepare_target(examine(s, into(s / "other"), true));
  CHECK(link_of(s) == s / "other");
}

TEST_CASE("overwriting empties no place that only the wish names") {
  const test::scratch_dir s;
  s.write("d/PG_VERSION", "15");
  s.write("somebody's/PG_15_202209061/5/1", "x");
  CHECK(refusal(s, into(s / "somebody's"), true).find("not empty") != std::string::npos);
  link_to(s, "somebody's");
  CHECK(refusal(s, into(s / "somebody's"), true) == "");
}

TEST_CASE("what was made belongs to the owner of the data directory") {
  const test::scratch_dir s;
  const restore_target t = examine(s, into(s / "new"));
  prepare_target(t);
  const uid_t owner = ::geteuid() == 0 ? 65534 : ::geteuid();
  REQUIRE(::chown((s / "d").c_str(), owner, static_cast<gid_t>(-1)) == 0);
  own_as_directory(t.directory, t.tablespaces);
  for (const char* made : {"new", "d/pg_tblspc/16384"}) {
    struct stat about {};
    REQUIRE(::lstat((s / made).c_str(), &about) == 0);
    CHECK(about.st_uid == owner);
  }
}

TEST_CASE("what a restore that was killed has made is the next one's") {
  const test::scratch_dir s;
  prepare_target(examine(s, into(s / "new")));
  s.write("new/PG_15_202209061/5/1", "x");
  const restore_target again = examine(s, into(s / "new"));
  CHECK(again.tablespaces.placed.at(0).made_location);
  prepare_target(again);
  REQUIRE(::chmod((s / "d").c_str(), 0750) == 0);
  own_as_directory(again.directory, again.tablespaces);
  struct stat made {};
  REQUIRE(::stat((s / "new").c_str(), &made) == 0);
  CHECK((made.st_mode & 0777) == 0750);
  undo_target(again);
  CHECK_FALSE(stdfs::exists(s / "new"));
}

TEST_CASE("links of a restore that was killed are not the operator's") {
  const test::scratch_dir s;
  prepare_target(examine(s, into(s / "one")));
  CHECK(refusal(s, {}).starts_with("Symlinks for some tablespaces not found"));
  prepare_target(examine(s, into(s / "two")));
  CHECK(link_of(s) == s / "two");
  prepare_target(examine(s, blindly()));
  CHECK_FALSE(stdfs::is_symlink(s / "d/pg_tblspc/16384"));
}

TEST_CASE("blind tablespaces are directories without a map") {
  const test::scratch_dir s;
  const restore_target t = examine(s, blindly());
  prepare_target(t);
  struct stat about {};
  REQUIRE(::lstat((s / "d/pg_tblspc/16384").c_str(), &about) == 0);
  CHECK(S_ISDIR(about.st_mode));
  CHECK((about.st_mode & 0777) == 0700);
  CHECK(tablespace_map(t.tablespaces).empty());
  undo_target(t);
  CHECK_FALSE(stdfs::exists(s / "d"));
}

TEST_CASE("a prepared link is a place for a blind restore too, a dangling one is none") {
  const test::scratch_dir s;
  s.make("one");
  link_to(s, "one");
  CHECK(examine(s, blindly()).tablespaces.blind.empty());
  link_to(s, "nowhere");
  CHECK(refusal(s, blindly()).starts_with("Symlinks for some tablespaces not found"));
}
