// Names and positions: expected values are from the PostgreSQL manual and from what servers said.

#include "control_samples.hpp"
#include "support/bytes.hpp"

#include <wale/base/error.hpp>
#include <wale/pg/wal_name.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace wale;
using namespace wale::pg;

namespace {

constexpr timeline tli1{1};

lsn at(std::string_view text) {
  const auto position = parse_lsn(text);
  REQUIRE(position);
  return *position;
}

const segment_size mib16;
const segment_size mib1(1U << 20);
const segment_size gib1(1U << 30);

} // namespace

TEST_CASE("lsn: text as the server writes it", "[unit]") {
  CHECK(at("0/3000028").value == 0x3000028);
  CHECK(at("16/B374D848").value == 0x16B374D848);
  CHECK(to_string(lsn{0x16B374D848}) == "16/B374D848");
  CHECK(to_string(lsn{0}) == "0/0");
  CHECK(at("FFFFFFFF/ffffffff").value == 0xffffffffffffffffU);
  for (const char* bad :
       {"", "/", "0", "0/", "/0", "0/g", "0/123456789", "x/0", "0/0 ", "-1/0", "0x1/0"})
    CHECK_FALSE(parse_lsn(bad));
}

TEST_CASE("wal_segment: name, position and successor", "[unit]") {
  // pg_walfile_name('0/3000028') and pg_walfile_name('16/B374D848') on timelines 1 and 26.
  CHECK(wal_segment::containing(at("0/3000028"), tli1, mib16).name() == "000000010000000000000003");
  CHECK(
      wal_segment::containing(at("16/B374D848"), timeline{26}, mib16).name() ==
      "0000001A00000016000000B3");
  const auto last = wal_segment::parse("0000000100000002000000FF");
  REQUIRE(last);
  CHECK(last->next(mib16).name() == "000000010000000300000000");
  CHECK(last->next(mib1).name() == "000000010000000200000100");
  CHECK(wal_segment{tli1, 2, 3}.next(gib1).name() == "000000010000000300000000");
  CHECK(wal_segment{tli1, 2, 0xfff}.next(mib1).name() == "000000010000000300000000");
  CHECK(to_string(last->start(mib16)) == "2/FF000000");
  CHECK(to_string(last->end(mib16)) == "3/0");
  CHECK(last->fits(mib16));
  CHECK_FALSE(last->fits(gib1));
  CHECK(last->number() == 0x2000000ff);
  CHECK(offset_in_segment(at("0/3000028"), mib16) == 0x28);
  CHECK(offset_in_segment(at("1/7FFFFFFF"), gib1) == 0x3fffffff);
}

TEST_CASE("wal_segment: every position is in the segment that says so", "[unit]") {
  for (std::uint64_t bytes = 1U << 20; bytes <= 1U << 30; bytes *= 2) {
    const segment_size size(bytes);
    for (const std::uint64_t value : {0ULL, 40ULL, 0xffffffffULL, 0x100000000ULL, 0x7ffffffffULL}) {
      const wal_segment s = wal_segment::containing(lsn{value}, tli1, size);
      CHECK(s.start(size).value <= value);
      CHECK(value < s.end(size).value);
      CHECK(s.fits(size));
      CHECK(s.next(size).start(size) == s.end(size));
      CHECK(wal_segment::parse(s.name()) == s);
    }
  }
}

TEST_CASE("wal_segment: a stop on a boundary needs the segment before it", "[unit]") {
  CHECK(wal_segment::before(at("0/4000000"), tli1, mib16).name() == "000000010000000000000003");
  CHECK(wal_segment::before(at("0/4000001"), tli1, mib16).name() == "000000010000000000000004");
  CHECK(wal_segment::before(at("1/0"), tli1, mib16).name() == "0000000100000000000000FF");
  CHECK(wal_segment::containing(at("0/4000000"), tli1, mib16).name() == "000000010000000000000004");
  CHECK(wal_segment::before(lsn{0}, tli1, mib16).name() == "000000010000000000000000");
}

TEST_CASE("wal_segment: only upper-case digits, only 24", "[unit]") {
  CHECK(wal_segment::parse("00000001000000000000000A"));
  for (const char* bad :
       {"00000001000000000000000a",
        "0000000100000000000000",
        "0000000100000000000000030",
        "00000001000000000000000G",
        "",
        "000000010000000000000003.lzo"})
    CHECK_FALSE(wal_segment::parse(bad));
}

TEST_CASE("segment_size: powers of two from 1 MiB to 1 GiB", "[unit]") {
  CHECK(segment_size().bytes() == 16U << 20);
  CHECK(segment_size(1U << 30).per_log() == 4);
  for (const std::uint64_t bad :
       {0ULL, 1ULL << 19, 3ULL << 20, 1ULL << 31, (1ULL << 32) + (1U << 24)})
    CHECK_THROWS_AS(segment_size(bad), failure);
}

TEST_CASE("wal_name: the kinds of files PostgreSQL archives", "[unit]") {
  const auto segment = wal_name::parse("000000010000000000000003");
  CHECK(segment.type == wal_name::kind::segment);
  REQUIRE(segment.segment);
  CHECK(segment.segment->seg == 3);

  const auto partial = wal_name::parse("000000010000000000000003.partial");
  CHECK(partial.type == wal_name::kind::partial);
  CHECK(partial.segment == segment.segment);

  const auto history = wal_name::parse("0000000A.history");
  CHECK(history.type == wal_name::kind::history);
  CHECK(history.tli == timeline{10});
  CHECK_FALSE(history.segment);

  // "0000000100001234000055CD.007C9330.backup" is the manual's example.
  const auto backup = wal_name::parse("0000000100001234000055CD.007C9330.backup");
  CHECK(backup.type == wal_name::kind::backup);
  REQUIRE(backup.segment);
  CHECK(backup.segment->log == 0x1234);

  for (const char* other :
       {"0000000A.histor",
        "0000000a.history",
        "000000010000000000000003.part",
        "RECOVERYXLOG",
        "000000010000000000000003.007C933.backup",
        "0000000100000000000000031"}) {
    const auto name = wal_name::parse(other);
    CHECK(name.type == wal_name::kind::other);
    CHECK_FALSE(name.segment);
    CHECK(name.text == other);
  }
}

TEST_CASE("wal_name: what no archived file can be called is refused", "[unit]") {
  const std::string long_name(65, 'A');
  for (const std::string& bad :
       {std::string(),
        std::string("."),
        std::string(".."),
        std::string("a/b"),
        std::string("../x"),
        std::string("/etc"),
        std::string("a b"),
        std::string("a\0b", 3),
        std::string("\xc3\xa9"),
        long_name,
        std::string("a_b")}) {
    try {
      wal_name::parse(bad);
      FAIL("accepted " << bad);
    } catch (const failure& f) {
      CHECK(f.why() == kind::usage);
    }
  }
  CHECK(wal_name::parse(std::string(64, 'A')).text.size() == 64);
}

TEST_CASE("segment header: of every supported version", "[unit]") {
  for (const auto& sample : samples::segment_samples) {
    INFO(sample.server);
    const auto bytes = test::from_hex(sample.hex);
    const auto header = read_segment_header(bytes);
    REQUIRE(header);
    CHECK(header->system_identifier == sample.system_identifier);
    CHECK(header->size.bytes() == sample.segment_size);
    CHECK(header->block_size == 8192);
    CHECK(header->tli == tli1);
    CHECK(
        wal_segment::containing(header->page_address, header->tli, header->size).name() ==
        sample.name);
  }
}

TEST_CASE("segment header: an unknown magic is as good, other bytes are none", "[unit]") {
  const auto good = test::from_hex(samples::segment_samples.back().hex);
  auto bytes = good;
  bytes[0] = std::byte{0x77};
  REQUIRE(read_segment_header(bytes));
  CHECK(read_segment_header(bytes)->magic == 0xd177);

  const std::span<const std::byte> all(good);
  CHECK_FALSE(read_segment_header(all.first(39)));
  CHECK_FALSE(read_segment_header({}));
  CHECK_FALSE(read_segment_header(std::vector<std::byte>(8192)));
  const auto spoiled = [&](std::size_t offset, std::byte value) {
    bytes = good;
    bytes[offset] = value;
    return read_segment_header(bytes);
  };
  CHECK_FALSE(spoiled(2, std::byte{0}));  // no long header
  CHECK_FALSE(spoiled(8, std::byte{1}));  // an address inside the segment
  CHECK_FALSE(spoiled(33, std::byte{1})); // no power of two
  CHECK_FALSE(spoiled(37, std::byte{0})); // no block size
  CHECK_FALSE(spoiled(4, std::byte{0}));  // no timeline
}
