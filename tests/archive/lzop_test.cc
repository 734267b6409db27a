// The lzop codec against the real lzop, in both directions.
#include "lzop_program.hpp"

#include <wale/archive/lzop.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

TEST_CASE("lzop accepts and restores what we compress", "[unit]") {
  for (const auto& [name, plain] : samples()) {
    INFO(name);
    const std::string ours = encode(plain);
    CHECK(run_lzop("-t", ours).exit_code == 0);
    const run_result theirs = run_lzop("-dc", ours);
    CHECK(theirs.exit_code == 0);
    CHECK((theirs.output == plain));
    CHECK((decode(ours) == plain));
  }
}

TEST_CASE("what we compress is what lzop writes", "[unit]") {
  // From standard input its header differs from ours in mode and time, and with them the checksum.
  constexpr std::size_t mode_at = 21, checksum_at = 34;
  for (const auto& [name, plain] : samples()) {
    INFO(name);
    const std::string theirs = run_lzop("-c", plain).output;
    const std::string ours = encode(plain);
    REQUIRE(theirs.size() == ours.size());
    CHECK(theirs.substr(0, mode_at) == ours.substr(0, mode_at));
    CHECK((theirs.substr(lzop_header_size) == ours.substr(lzop_header_size)));
    CHECK(ours[checksum_at - 1] == 0);
  }
}

TEST_CASE("the header tells mode and time", "[unit]") {
  // What WAL-E 1.1.1 stored in front of a segment with mode 0600 and this mtime.
  const unsigned char expected[lzop_header_size] = {
      0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a, 0x10, 0x40, 0x20, 0xa0,
      0x09, 0x40, 0x01, 0x05, 0x03, 0x00, 0x00, 0x0d, 0x00, 0x00, 0x81, 0x80, 0x6b,
      0x00, 0x94, 0x48, 0x00, 0x00, 0x00, 0x00, 0x00, 0x33, 0x66, 0x03, 0xb8};
  const auto header = lzop_header({0100600, 0x6b009448});
  CHECK(std::ranges::equal(header, std::as_bytes(std::span(expected))));
}

TEST_CASE("every level, checksum, filter and name of lzop is read", "[unit]") {
  const std::string plain = text(300000) + noise(300000) + zeros(70000) + "end";
  for (const char* options :
       {"-1c",
        "-2c",
        "-3c",
        "-4c",
        "-5c",
        "-6c",
        "-7c",
        "-8c",
        "-9c",
        "-c --crc32",
        "-c -F",
        "-c --crc32 -F",
        "-c --filter=1",
        "-c --filter=3",
        "-9c --filter=16 --crc32",
        "-cf",
        "-c --no-stdin FILE",
        "-c FILE",
        "-cN FILE",
        "-cP FILE",
        "-9c --crc32 FILE"}) {
    INFO(options);
    const run_result theirs = run_lzop(options, plain);
    REQUIRE(theirs.exit_code == 0);
    REQUIRE(theirs.output.size() < plain.size());
    CHECK((decode(theirs.output) == plain));
  }
}

TEST_CASE("members behind each other are one stream", "[unit]") {
  const std::string first = text(400000), second = noise(1000);
  const std::string compressed = run_lzop("-9c --crc32 FILE", first).output +
                                 run_lzop("-1c", second).output + run_lzop("-c", "").output +
                                 run_lzop("-c", "x").output;
  CHECK((decode(compressed) == first + second + "x"));
  for (std::size_t piece : {1, 2, 3, 7, 50, 4096})
    CHECK((decode(compressed, piece) == first + second + "x"));
}

TEST_CASE("a stream may arrive cut at any byte", "[unit]") {
  const std::string plain = text(5000) + noise(300) + text(3000);
  const std::string compressed = encode(plain, 2000);
  for (std::size_t piece = 1; piece <= compressed.size(); ++piece)
    REQUIRE((decode(compressed, piece) == plain));
}

TEST_CASE("every object that WAL-E stored is read as lzop reads it", "[unit]") {
  const char* const data = std::getenv("WALE_TEST_DATA");
  REQUIRE(data != nullptr);
  int objects = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           std::filesystem::path(data) / "wal-e-store" / "prefix")) {
    if (entry.path().extension() != ".lzo") continue;
    INFO(entry.path());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string stored(std::istreambuf_iterator<char>(file), {});
    const run_result theirs = run_lzop("-dc", stored);
    REQUIRE(theirs.exit_code == 0);
    CHECK((decode(stored) == theirs.output));
    CHECK((decode(stored, 1000) == theirs.output));
    ++objects;
  }
  CHECK(objects == 4);
}
