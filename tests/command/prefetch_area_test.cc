// What is served from the prefetch area, and what never is.
#include "prefetch_area.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace wale;
using namespace wale::command;

namespace {

constexpr std::size_t mebibyte = 1 << 20;
constexpr std::uint64_t system_identifier = 7'300'000'000'000'000'000;

pg::wal_segment segment(std::uint32_t number, std::uint32_t timeline = 1) {
  return {{timeline}, 0, number};
}

// A complete segment of 1 MiB: PostgreSQL's XLogLongPageHeaderData, then nothing.
std::string content_of(const pg::wal_segment& s, std::uint64_t system = system_identifier) {
  std::string content(mebibyte, '\0');
  const auto put = [&content](std::size_t offset, auto value) {
    std::memcpy(content.data() + offset, &value, sizeof value);
  };
  put(0, std::uint16_t{0xd110});
  put(2, std::uint16_t{2}); // XLP_LONG_HEADER
  put(4, s.tli.value);
  put(8, std::uint64_t{s.seg} * mebibyte);
  put(24, system);
  put(32, std::uint32_t{mebibyte});
  put(36, std::uint32_t{8192});
  return content;
}

struct fixture {
  fixture() { area.make(); }

  void publish(const pg::wal_segment& s) const {
    const std::string path = area.begin(s) + "/whole";
    dir.write(path.substr(dir.path().size() + 1), content_of(s));
    area.publish(s, origin, path, sha256_value{});
    area.end(s);
  }
  bool serves(const pg::wal_segment& s) const {
    std::filesystem::remove(destination);
    const bool served = area.serve(s, origin, destination);
    CHECK(std::filesystem::exists(destination) == served);
    return served;
  }
  std::string path(const pg::wal_segment& s, const char* suffix = "") const {
    return ".wal-e/prefetch/" + s.name() + suffix;
  }
  std::size_t files() const {
    std::size_t n = 0;
    for (const auto& e : std::filesystem::recursive_directory_iterator(dir / ".wal-e"))
      n += e.is_regular_file();
    return n;
  }

  const test::scratch_dir dir;
  const std::string destination = dir / "RECOVERYXLOG";
  prefetch_area area{dir.path()};
  prefetch_origin origin{"file:///archive 0", system_identifier, pg::segment_size(mebibyte)};
};

} // namespace

TEST_CASE_METHOD(fixture, "a published segment is served once") {
  publish(segment(7));
  CHECK(area.holds(segment(7), origin));
  CHECK_FALSE(serves(segment(8)));
  CHECK(serves(segment(7)));
  CHECK_FALSE(serves(segment(7)));
  CHECK(files() == 0);
}

TEST_CASE_METHOD(fixture, "the area is the server's alone") {
  publish(segment(7));
  const auto mode = [this](const std::string& name) {
    struct stat s {};
    REQUIRE(::stat((dir / name).c_str(), &s) == 0);
    return s.st_mode & 0777;
  };
  CHECK(mode(".wal-e/prefetch") == 0700);
  CHECK(mode(".wal-e/prefetch/running") == 0700);
  area.begin(segment(8));
  CHECK(mode(".wal-e/prefetch/running/" + segment(8).name()) == 0700);
}

TEST_CASE_METHOD(fixture, "a segment is not served, and removed") {
  publish(segment(7));
  const std::string name = path(segment(7));
  SECTION("from another archive") {
    origin.archive = "file:///other 0";
  }
  SECTION("of another cluster") {
    origin.system_identifier = 1;
  }
  SECTION("of another segment size") {
    origin.size = pg::segment_size(2 * mebibyte);
  }
  SECTION("without its record") {
    dir.remove(path(segment(7), ".record"));
  }
  SECTION("with a torn record") {
    std::filesystem::resize_file(dir / path(segment(7), ".record"), 100);
  }
  SECTION("that is short") {
    std::filesystem::resize_file(dir / name, mebibyte / 2);
  }
  SECTION("that was written to") {
    const timespec times[2] = {{0, UTIME_OMIT}, {1'600'000'000, 0}};
    ::utimensat(AT_FDCWD, (dir / name).c_str(), times, 0);
  }
  SECTION("that is a copy") { // as pg_rewind makes one of the other server's
    std::filesystem::copy_file(dir / name, dir / "copy");
    std::filesystem::rename(dir / "copy", dir / name);
  }
  SECTION("under another name") {
    std::filesystem::rename(dir / name, dir / path(segment(8)));
    std::filesystem::rename(dir / path(segment(7), ".record"), dir / path(segment(8), ".record"));
    CHECK_FALSE(serves(segment(8)));
  }
  SECTION("that is a link") {
    std::filesystem::rename(dir / name, dir / "elsewhere");
    dir.link(name, dir / "elsewhere");
  }
  CHECK_FALSE(serves(segment(7)));
  CHECK_FALSE(std::filesystem::exists(dir / name));
}

TEST_CASE_METHOD(fixture, "a segment of another cluster is not published") {
  const std::string where = area.begin(segment(7)) + "/whole";
  dir.write(where.substr(dir.path().size() + 1), content_of(segment(7), 1));
  CHECK_THROWS_AS(area.publish(segment(7), origin, where, sha256_value{}), failure);
  CHECK_FALSE(serves(segment(7)));
}

TEST_CASE_METHOD(fixture, "the window keeps its segments") {
  for (std::uint32_t n = 1; n <= 5; ++n)
    publish(segment(n));
  publish(segment(3, 2));
  area.keep_only(segment(3), 2, origin.size);
  for (std::uint32_t n = 1; n <= 5; ++n)
    CHECK(area.holds(segment(n), origin) == (n == 3 || n == 4));
  CHECK_FALSE(area.holds(segment(3, 2), origin));
  area.drop_all();
  CHECK(files() == 0);
}

TEST_CASE_METHOD(fixture, "what is under way can be watched") {
  CHECK_FALSE(area.bytes_of(segment(7)));
  const std::string where = area.begin(segment(7));
  CHECK(area.bytes_of(segment(7)) == 0);
  dir.write(where.substr(dir.path().size() + 1) + "/part", "12345");
  CHECK(area.bytes_of(segment(7)) == 5);
  area.drop_announcements();
  CHECK_FALSE(area.bytes_of(segment(7)));
}

TEST_CASE_METHOD(fixture, "one has the lock, and it goes with the descriptor") {
  std::optional<prefetch_lock> one(prefetch_lock::open(area));
  const prefetch_lock two = prefetch_lock::open(area);
  REQUIRE(one->is_valid());
  REQUIRE(two.is_valid());
  CHECK(one->take());
  CHECK_FALSE(two.take());
  CHECK_FALSE(one->wanted());
  two.tell_wanted(segment(9));
  CHECK(one->wanted() == segment(9));

  std::optional<prefetch_lock> heir(prefetch_lock::adopt(::dup(one->descriptor()), area));
  CHECK(heir->is_valid());
  one.reset();
  CHECK_FALSE(two.take());
  heir.reset();
  CHECK(two.take());
  const int other = ::open("/dev/null", O_RDONLY);
  CHECK_FALSE(prefetch_lock::adopt(other, area).is_valid());
  ::close(other);
}
