// Which records count, and which neighbours are chosen.
#include "acknowledgements.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/wall_clock.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace wale;
using namespace wale::command;

namespace {

const std::string first = "000000010000000000000001";
const std::string second = "000000010000000000000002";
const std::string third = "000000010000000000000003";
const std::string archive = "s3://bucket/prefix 0123456789abcdef";
const sha256_value digest = [] {
  sha256_value v{};
  v[0] = std::byte{0xab};
  return v;
}();

// A pg_wal with one segment that is stored.
struct wal_directory {
  wal_directory() {
    dir.make("pg_wal");
    dir.make("pg_wal/archive_status");
    dir.write("pg_wal/" + first, "content");
    REQUIRE(records.can_be_kept());
    while (!is_at_rest(*file_identity::of(path), now_ns()))
      ::usleep(1000);
    REQUIRE(records.record(first, *file_identity::of(path), 7, digest));
    REQUIRE(records.cover(first));
  }

  std::string record_path() const {
    for (const auto& e : std::filesystem::directory_iterator(dir / "pg_wal/.wal-e"))
      return e.path();
    return {};
  }

  const test::scratch_dir dir;
  const std::string path = dir / ("pg_wal/" + first);
  const acknowledgements records{dir / "pg_wal", archive};
};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("a record is whole or none") {
  file_record r;
  r.purpose = "acknowledgement";
  r.archive = archive;
  r.name = first;
  r.file = {16U << 20, 2049, 131, 1'700'000'000'123'456'789, -5};
  r.system_identifier = 7'300'000'000'000'000'000;
  r.digest = digest;
  const std::string text = to_text(r);
  CHECK(parse_file_record(text) == r);
  for (std::size_t n = 0; n < text.size(); ++n) {
    CHECK_FALSE(parse_file_record(text.substr(0, n)));
    std::string changed = text;
    changed[n] = static_cast<char>(changed[n] ^ 1);
    CHECK_FALSE(parse_file_record(changed));
    changed = text; // blocks that never reached the disk read as NULs
    std::fill(changed.begin() + static_cast<std::ptrdiff_t>(n), changed.end(), '\0');
    CHECK_FALSE(parse_file_record(changed));
  }
  CHECK_FALSE(parse_file_record(text + "x"));
}

TEST_CASE("a record counts for one archive only") {
  const wal_directory w;
  CHECK_FALSE(
      acknowledgements(w.dir / "pg_wal", "s3://bucket/other 0123456789abcdef").cover(first));
  CHECK_FALSE(
      acknowledgements(w.dir / "pg_wal", "s3://bucket/prefix 0123456789abcdee").cover(first));
  // Two archives keep theirs side by side.
  const acknowledgements other(w.dir / "pg_wal", "file:///b 0");
  CHECK(other.record(first, *file_identity::of(w.path), 7, digest));
  CHECK(other.cover(first));
  CHECK(w.records.cover(first));
}

TEST_CASE("what an archive is follows from every setting that leads elsewhere") {
  option_values options;
  const std::string plain = archive_identity(options, "s3://b/p");
  CHECK(archive_identity(options, "s3://b/q") != plain);
  options["gpg-key-id"] = "0123ABCD";
  CHECK(archive_identity(options, "s3://b/p") != plain);
  options.clear();
  for (const char* name : {"WALE_S3_ENDPOINT", "WALE_GPG_KEY_ID", "AWS_REGION"}) {
    ::setenv(name, "http+path://127.0.0.1:1", 1);
    CHECK(archive_identity(options, "s3://b/p") != plain);
    ::unsetenv(name);
  }
  CHECK(archive_identity(options, "s3://b/p") == plain);
  CHECK(archive_identity(options, "file:///a\nb c").find_first_of("\n") == std::string::npos);
}

TEST_CASE("a record counts for one file only") {
  const wal_directory w;
  SECTION("other content of the same size") {
    w.dir.write("pg_wal/" + first, "CONTENT");
  }
  SECTION("another size") {
    w.dir.write("pg_wal/" + first, "longer content");
  }
  SECTION("touched") {
    const timespec times[2] = {{0, UTIME_OMIT}, {1'600'000'000, 0}};
    ::utimensat(AT_FDCWD, w.path.c_str(), times, 0);
  }
  SECTION("copied with its times, as pg_rewind and rsync do") {
    struct stat s {};
    REQUIRE(::stat(w.path.c_str(), &s) == 0);
    std::filesystem::copy_file(w.path, w.path + ".new");
    const timespec times[2] = {s.st_atim, s.st_mtim};
    ::utimensat(AT_FDCWD, (w.path + ".new").c_str(), times, 0);
    std::filesystem::rename(w.path + ".new", w.path);
  }
  SECTION("gone") {
    std::filesystem::remove(w.path);
  }
  SECTION("a link to it") {
    std::filesystem::rename(w.path, w.path + ".real");
    std::filesystem::create_symlink(w.path + ".real", w.path);
  }
  SECTION("the record of another name") {
    const std::string from = w.record_path();
    std::string to = from;
    to.replace(to.find(first), first.size(), second);
    std::filesystem::rename(from, to);
    std::filesystem::create_hard_link(w.path, w.dir / ("pg_wal/" + second));
    CHECK_FALSE(w.records.cover(second));
  }
  SECTION("a torn record") {
    const std::string text = content_of(w.record_path());
    std::filesystem::resize_file(w.record_path(), text.size() / 2);
  }
  SECTION("a record that is a directory") {
    const std::string path = w.record_path();
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
  }
  CHECK_FALSE(w.records.cover(first));
}

TEST_CASE("a file that changed while it was pushed gets no record") {
  const wal_directory w;
  const file_identity before = *file_identity::of(w.path);
  w.dir.write("pg_wal/" + first, "other content");
  CHECK_FALSE(w.records.record(first, before, 7, digest));
}

TEST_CASE("records without their segment's ready are swept") {
  const wal_directory w;
  w.dir.write("pg_wal/" + second, "content");
  REQUIRE(w.records.record(second, *file_identity::of(w.dir / ("pg_wal/" + second)), 7, digest));
  w.dir.write("pg_wal/.wal-e/cluster", "not ours to sweep");
  w.records.sweep(w.records.list(), {second});
  CHECK_FALSE(w.records.cover(first));
  CHECK(w.records.cover(second));
  CHECK(std::filesystem::exists(w.dir / "pg_wal/.wal-e/cluster"));
}

TEST_CASE("where nothing can be kept, that is said") {
  const test::scratch_dir dir;
  dir.write("pg_wal", "not a directory");
  CHECK_FALSE(acknowledgements(dir / "pg_wal", archive).can_be_kept());
  CHECK(acknowledgements(dir / "pg_wal", archive).list().empty());
  CHECK(ready_segments(dir / "pg_wal").empty());
}

TEST_CASE("only segments that are ready are neighbours") {
  const test::scratch_dir dir;
  dir.make("archive_status");
  for (const std::string& name :
       {second + ".ready",
        first + ".ready",
        third + ".done",
        std::string("00000002.history.ready"),
        first + ".00000028.backup.ready",
        third + ".partial.ready",
        "0" + first + ".ready"})
    dir.write("archive_status/" + name, "");
  CHECK(ready_segments(dir / "") == std::vector{first, second});
}

TEST_CASE("neighbours are those after the named one first") {
  const std::vector ready{first, second, third};
  CHECK(neighbours_of(first, ready, 31) == std::vector{second, third});
  CHECK(neighbours_of(second, ready, 31) == std::vector{third, first});
  CHECK(neighbours_of(second, ready, 1) == std::vector{third});
  CHECK(neighbours_of("00000002.history", ready, 2).size() == 2);
  CHECK(neighbours_of(first, ready, 0).empty());
}

TEST_CASE("a file that has just changed is not at rest") {
  constexpr std::int64_t second_ns = 1'000'000'000;
  file_identity f;
  f.mtime_ns = 5 * second_ns + 1;
  f.ctime_ns = 7 * second_ns + 1;
  CHECK_FALSE(is_at_rest(f, f.ctime_ns));
  CHECK_FALSE(is_at_rest(f, f.ctime_ns + 10'000'000)); // a tick at 100 Hz
  CHECK(is_at_rest(f, f.ctime_ns + 20'000'000));
  f.ctime_ns = 7 * second_ns; // a file system that keeps seconds
  CHECK_FALSE(is_at_rest(f, f.ctime_ns + second_ns));
  CHECK(is_at_rest(f, f.ctime_ns + 2 * second_ns));
}
