// The file store: the conformance suite, and what only a directory can show.
#include "store/conformance.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>

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

int error_of(io::runtime& rt, task<> work) {
  try {
    rt.run(std::move(work));
  } catch (const failure& f) {
    return f.error_number();
  }
  return 0;
}

task<> get_nothing(io::runtime& rt, store::store& s, store::object_key key) {
  io::block_budget budget = co_await rt.blocks().reserve(4);
  const auto body = co_await s.get(std::move(key), std::move(budget));
  if (body) co_await body->close();
}

int error_of_get(io::runtime& rt, store::store& s, const std::string& name) {
  store::object_key key;
  key.name = name;
  return error_of(rt, get_nothing(rt, s, std::move(key)));
}

task<> head_nothing(store::store& s, store::object_key key) {
  co_await s.head(std::move(key));
}

int error_of_head(io::runtime& rt, store::store& s, const std::string& name) {
  store::object_key key;
  key.name = name;
  return error_of(rt, head_nothing(s, std::move(key)));
}

} // namespace

TEST_CASE("the file store keeps the promises of a store") {
  const test::scratch_dir dir;
  test::store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_at(rt, dir / "archive"); };
  fixture.open_missing = [&](io::runtime& rt) { return open_at(rt, dir / "not/mounted/archive"); };
  fixture.not_applicable = {
      {"part_bytes", "a file is written in one piece"},
      {"lose_next_answer", "a system call answers, or the process is gone"},
      {"expire_token", "a file system knows no credentials"},
      {"cut_next_body", "a file that ends early is shorter: io/file_source_test.cc"}};
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

TEST_CASE("room is made in steps of 8 MiB, and none is left behind the end") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  constexpr std::size_t step = 8 << 20;
  for (const std::size_t size :
       {step - 1, step, step + 1, step + io::block::payload, 2 * step + 4097}) {
    INFO(size << " bytes");
    const std::string content = test::noise(size);
    test::put_staged(rt, *s, "wal_005/x", content);
    CHECK((test::get(rt, *s, "wal_005/x") == content));
    struct stat file {};
    REQUIRE(::stat((dir / "archive/wal_005/x").c_str(), &file) == 0);
    CHECK(static_cast<std::size_t>(file.st_blocks) * 512 < size + 128 * 1024);
  }
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

TEST_CASE("a sweep looks only where objects are, and never fails") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  dir.write("archive/lost+found/.wal-e-old", "not ours");
  dir.write("archive/wal_005", "no directory");
  const timeval two_days_ago[2] = {{::time(nullptr) - 172'800, 0}, {::time(nullptr) - 172'800, 0}};
  REQUIRE(::utimes((dir / "archive/lost+found/.wal-e-old").c_str(), two_days_ago) == 0);
  rt.run(s->prepare());
  CHECK(stdfs::exists(dir / "archive/lost+found/.wal-e-old"));
}

// Only root may look into it, and fsck puts there what it likes.
TEST_CASE("a directory of objects may be a file system of its own, with lost+found") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  test::put(rt, *s, "wal_005/there", "x");
  dir.write("archive/wal_005/lost+found/#17", "x");
  REQUIRE(::chmod((dir / "archive/wal_005/lost+found").c_str(), 0) == 0);
  const std::vector<std::string> found = test::list(rt, *s, "wal_005/");
  REQUIRE(::chmod((dir / "archive/wal_005/lost+found").c_str(), 0700) == 0);
  CHECK(found == std::vector<std::string>{"wal_005/there"});
}

TEST_CASE("a link that leads nowhere is no absence") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  test::put(rt, *s, "wal_005/there", "x");
  dir.link("archive/wal_005/x", "unmounted/x");
  dir.link("archive/wal_005/below", "unmounted");
  CHECK(error_of_get(rt, *s, "wal_005/x") == ENOENT);
  CHECK(error_of_head(rt, *s, "wal_005/x") == ENOENT);
  CHECK(error_of_get(rt, *s, "wal_005/below/x") == ENOENT);
  CHECK(error_of_head(rt, *s, "wal_005/below/x") == ENOENT);
  dir.write("archive/wal_005/unmounted/x", "mounted");
  CHECK(test::get(rt, *s, "wal_005/x") == "mounted");
  CHECK(test::get(rt, *s, "wal_005/below/x") == "mounted");
}

TEST_CASE("an object that exists is made durable, a link to nothing cannot be") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  dir.write("archive/wal_005/x", "by WAL-E");
  const auto again = test::put(rt, *s, "wal_005/x", "y", store::put_condition::create_only);
  CHECK(again.what == store::put_result::outcome::exists);
  dir.link("archive/wal_005/link", "nowhere");
  CHECK_THROWS_AS(
      test::put(rt, *s, "wal_005/link", "y", store::put_condition::create_only), failure);
}

TEST_CASE("what is not a file is neither absent nor read") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = open_at(rt, dir / "archive");
  dir.make("archive/wal_005/x");
  CHECK_THROWS_AS(test::get(rt, *s, "wal_005/x"), failure);
}
