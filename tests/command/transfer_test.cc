// WAL files whose name and content do not belong together.
#include "support/scratch_dir.hpp"
#include "transfer.hpp"

#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <filesystem>
#include <utility>

using namespace wale;
using namespace wale::command;

namespace {

constexpr std::size_t mebibyte = 1 << 20;
const std::string seventh = "000000020000000000000007";
const std::string eighth = "000000020000000000000008";

// A complete segment of 1 MiB on timeline 1: PostgreSQL's XLogLongPageHeaderData, then nothing.
std::string segment_at(std::uint64_t page_address) {
  std::string content(mebibyte, '\0');
  const auto put = [&content](std::size_t offset, auto value) {
    std::memcpy(content.data() + offset, &value, sizeof value);
  };
  put(0, std::uint16_t{0xd110});
  put(2, std::uint16_t{2}); // XLP_LONG_HEADER
  put(4, std::uint32_t{1});
  put(8, page_address);
  put(24, std::uint64_t{7'300'000'000'000'000'000});
  put(32, std::uint32_t{mebibyte});
  put(36, std::uint32_t{8192});
  return content;
}

task<> inspect_into(io::runtime& rt, std::string path, archivable& f) {
  f = co_await inspect(rt, std::move(path));
}

task<> push(io::runtime& rt, store::store& s, archivable f) {
  co_await push_wal_file(rt, s, std::move(f));
}

task<> fetch(io::runtime& rt, store::store& s, std::string name, std::string path, bool& found) {
  found = co_await fetch_wal_file(rt, s, pg::wal_name::parse(name), std::move(path));
}

std::string complaint(io::runtime& rt, task<> work, kind expected) {
  try {
    rt.run(std::move(work));
  } catch (const failure& f) {
    CHECK(f.why() == expected);
    return f.text().detail;
  }
  return "none";
}

} // namespace

TEST_CASE("a segment is pushed only under its own name") {
  const test::scratch_dir dir;
  io::runtime rt;
  dir.write(seventh, segment_at(7 * mebibyte));
  dir.write(seventh + ".partial", segment_at(7 * mebibyte));
  dir.write(eighth, segment_at(7 * mebibyte));
  dir.write(eighth + ".partial", segment_at(7 * mebibyte));
  // Of these segments there are 4096 in 4 GiB: no such name, although the sum is right.
  dir.write("000000020000000000001007", segment_at((std::uint64_t{1} << 32) + 7 * mebibyte));
  archivable f;
  rt.run(inspect_into(rt, dir / seventh, f)); // its pages may be of an older timeline
  rt.run(inspect_into(rt, dir / (seventh + ".partial"), f));
  for (const std::string& name : {eighth, eighth + ".partial"})
    CHECK_THAT(
        complaint(rt, inspect_into(rt, dir / name, f), kind::refused),
        Catch::Contains("it is another segment: its first page is at 0/700000"));
  CHECK_THAT(
      complaint(rt, inspect_into(rt, dir / "000000020000000000001007", f), kind::refused),
      Catch::Contains("its first page is at 1/700000"));
}

TEST_CASE("a segment is served only under its own name") {
  const test::scratch_dir dir;
  io::runtime rt;
  const auto s = store::open_store(rt, "file://localhost" + (dir / "archive"));
  dir.write(seventh, segment_at(7 * mebibyte));
  archivable f;
  rt.run(inspect_into(rt, dir / seventh, f));
  rt.run(push(rt, *s, f));
  const std::string wal = dir / "archive/wal_005/";
  std::filesystem::copy_file(wal + seventh + ".lzo", wal + eighth + ".lzo");
  dir.make("target");
  bool found = false;
  rt.run(fetch(rt, *s, seventh, dir / "target/right", found));
  CHECK(found);
  CHECK_THAT(
      complaint(rt, fetch(rt, *s, eighth, dir / "target/wrong", found), kind::corrupt),
      Catch::Contains(eighth + ".lzo: it is another segment: its first page is at 0/700000"));
  // Neither a name nor a temporary file of the wrong one.
  const std::filesystem::directory_iterator left(dir / "target"), end;
  CHECK(std::distance(left, end) == 1);
}
