// The file store: the conformance suite, and what only a directory can show.
#include "store/conformance.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

#include <filesystem>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

using namespace wale;
namespace stdfs = std::filesystem;

namespace {

std::unique_ptr<store::store> open_at(io::runtime& rt, const std::string& path) {
  return store::open_store(rt, "file://localhost" + path);
}

std::vector<std::string> files_below(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& e : stdfs::recursive_directory_iterator(path))
    if (!e.is_directory()) names.push_back(e.path().filename());
  return names;
}

} // namespace

TEST_CASE("the file store keeps the promises of a store") {
  const test::scratch_dir dir;
  test::store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_at(rt, dir / "archive"); };
  fixture.open_missing = [&](io::runtime& rt) { return open_at(rt, dir / "not/mounted/archive"); };
  test::check_conformance(fixture);
}

TEST_CASE("the prefix's own directory is made, its parent is not") {
  const test::scratch_dir dir;
  io::runtime rt;
  test::put(rt, *open_at(rt, dir / "archive"), "wal_005/x", "y");
  CHECK(stdfs::exists(dir / "archive/wal_005/x"));
  CHECK_THROWS_AS(test::put(rt, *open_at(rt, dir / "no/archive"), "wal_005/x", "y"), failure);
  CHECK_FALSE(stdfs::exists(dir / "no"));
}

TEST_CASE("objects and directories are closed to others") {
  const test::scratch_dir dir;
  const mode_t before = ::umask(0022);
  io::runtime rt;
  test::put(rt, *open_at(rt, dir / "archive"), "wal_005/x", "y");
  ::umask(before);
  struct stat s {};
  REQUIRE(::stat((dir / "archive/wal_005/x").c_str(), &s) == 0);
  CHECK((s.st_mode & 07777) == 0640);
  REQUIRE(::stat((dir / "archive/wal_005").c_str(), &s) == 0);
  CHECK((s.st_mode & 07777) == 0750);
}

TEST_CASE("temporary files are no objects, and nothing leaves one behind") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  test::put(rt, *s, "wal_005/x", "y", store::put_condition::create_only);
  test::put(rt, *s, "wal_005/x", "z", store::put_condition::create_only);
  CHECK(files_below(dir / "archive") == std::vector<std::string>{"x"});
  dir.write("archive/wal_005/.wal-e-0123456789abcdef", "half");
  CHECK(test::list(rt, *s, "") == std::vector<std::string>{"wal_005/x"});
}

TEST_CASE("only temporary files older than a day are swept") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  dir.write("archive/wal_005/.wal-e-old", "half");
  dir.write("archive/basebackups_005/b/tar_partitions/.wal-e-old", "half");
  dir.write("archive/wal_005/.wal-e-new", "half");
  dir.write("archive/wal_005/object", "whole");
  const timeval two_days_ago[2] = {{::time(nullptr) - 172'800, 0}, {::time(nullptr) - 172'800, 0}};
  for (const char* name :
       {"archive/wal_005/.wal-e-old",
        "archive/basebackups_005/b/tar_partitions/.wal-e-old",
        "archive/wal_005/object"})
    REQUIRE(::utimes((dir / name).c_str(), two_days_ago) == 0);
  rt.run(s->prepare());
  CHECK_FALSE(stdfs::exists(dir / "archive/wal_005/.wal-e-old"));
  CHECK_FALSE(stdfs::exists(dir / "archive/basebackups_005/b/tar_partitions/.wal-e-old"));
  CHECK(stdfs::exists(dir / "archive/wal_005/.wal-e-new"));
  CHECK(stdfs::exists(dir / "archive/wal_005/object"));
}

TEST_CASE("removing the last object of a directory removes the directory, but no top one") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  test::put(rt, *s, "basebackups_005/b/tar_partitions/p", "y");
  store::object_key key;
  key.name = "basebackups_005/b/tar_partitions/p";
  rt.run(s->remove({key}));
  CHECK_FALSE(stdfs::exists(dir / "archive/basebackups_005/b"));
  CHECK(stdfs::exists(dir / "archive/basebackups_005"));
}

TEST_CASE("what is not a file is neither absent nor read") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  dir.make("archive/wal_005/x");
  CHECK_THROWS_AS(test::get(rt, *s, "wal_005/x"), failure);
}
