// Input that is not right: it is refused with words, or its plain bytes are right all the same.
#include "lzop_program.hpp"

#include <wale/archive/lzop.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>
#include <lzo/lzoconf.h>

#include <random>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

namespace {

/// DETAIL of the failure, or "none".
std::string complaint(const std::string& compressed, std::size_t piece = 1 << 20) {
  try {
    decode(compressed, piece);
  } catch (const failure& f) {
    CHECK(f.why() == kind::corrupt);
    CHECK(f.text().msg == "lzop data is corrupt");
    return f.text().detail;
  }
  return "none";
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  INFO(part);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

std::string word(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::uint32_t adler(const std::string& bytes) {
  return lzo_adler32(1, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

/// The stream with a header that says otherwise, under a right checksum.
std::string with_header(std::string compressed, std::size_t at, const std::string& bytes) {
  compressed.replace(at, bytes.size(), bytes);
  return compressed.replace(34, 4, word(adler(compressed.substr(9, 25))));
}

/// Damaged input is refused, or the damage did no harm.
void expect_no_wrong_bytes(const std::string& compressed, const std::string& plain) {
  try {
    const std::string seen = decode(compressed);
    CHECK((seen == plain));
  } catch (const failure& f) {
    CHECK(f.why() == kind::corrupt);
    CHECK(!f.text().detail.empty());
  }
}

std::string with_bit_flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  return bytes;
}

} // namespace

TEST_CASE("what is missing at the end of a stream is named", "[unit]") {
  const std::string whole = encode(text(1000));
  CHECK(complaint("") == "It is empty.");
  has(complaint(whole.substr(0, 5)), "it ends within its header");
  has(complaint(whole.substr(0, 30)), "it ends within a header");
  has(complaint(whole.substr(0, 38)), "it ends without an end block");
  has(complaint(whole.substr(0, 44)), "it ends within a block");
  has(complaint(whole.substr(0, whole.size() - 5)), "it ends within a block");
  has(complaint(whole.substr(0, whole.size() - 4)), "it ends without an end block");
  has(complaint(whole.substr(0, whole.size() - 1)), "it ends within a block");
  CHECK(complaint(whole) == "none");
}

TEST_CASE("every truncation is refused", "[unit]") {
  const std::string whole = encode(text(700) + noise(700), 400);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    REQUIRE(complaint(whole.substr(0, size)) != "none");
    REQUIRE(complaint(whole.substr(0, size), 3) != "none");
  }
}

TEST_CASE("bytes after the end are refused", "[unit]") {
  const std::string whole = encode(text(1000));
  for (const std::string& junk :
       {std::string(1, '\0'), std::string("junk"), zeros(512), whole.substr(0, 9)}) {
    const std::string detail = complaint(whole + junk);
    CHECK(detail != "none");
    if (junk.size() != 9) has(detail, "bytes follow its end that are no header");
  }
}

TEST_CASE("a flipped bit never gives wrong bytes", "[unit]") {
  const std::string plain = text(700) + noise(300) + zeros(200);
  for (const std::string& whole :
       {encode(plain, 500),
        run_lzop("-9c --crc32 FILE", plain).output,
        run_lzop("-1c", plain).output})
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit)
      expect_no_wrong_bytes(with_bit_flipped(whole, bit), plain);
}

TEST_CASE("random damage never gives wrong bytes", "[unit]") {
  const std::string plain = text(300000) + noise(100000);
  const std::string whole = encode(plain);
  std::mt19937 generator(7);
  const auto random = [&] { return static_cast<std::uint32_t>(generator()); };
  for (int round = 0; round < 300; ++round) {
    std::string damaged = whole;
    const std::size_t at = random() % damaged.size();
    const std::size_t size = std::min<std::size_t>(1 + random() % 50, damaged.size() - at);
    switch (random() % 4) {
    case 0:
      damaged.replace(at, size, noise(size, random()));
      break;
    case 1:
      damaged.erase(at, size);
      break;
    case 2:
      damaged.insert(at, noise(size, random()));
      break;
    default:
      damaged = with_bit_flipped(damaged, random() % (8 * damaged.size()));
    }
    expect_no_wrong_bytes(damaged, plain);
  }
}

TEST_CASE("what was damaged is named with block and offset", "[unit]") {
  const std::string plain = text(600000);
  const std::string whole = encode(plain);
  // Third block: its plain size is 600000 - 2 * 262144.
  const std::size_t head = whole.find(word(75712));
  REQUIRE(head != std::string::npos);
  const std::string where =
      "Block 2, at byte " + std::to_string(head) + " of the compressed stream: ";
  has(complaint(with_bit_flipped(whole, 8 * (head + 8))),
      where + "the Adler-32 of its plain bytes is 0x");
  std::string destroyed = whole;
  destroyed.replace(head + 12, 1000, noise(1000));
  has(complaint(destroyed), where + "not LZO1X data");
  has(complaint(with_bit_flipped(whole, 8 * head + 40)), "a block of 75712 bytes stored in");
  has(complaint(with_bit_flipped(whole, 8 * head)), "after 2 blocks: a block of");
  has(complaint(with_bit_flipped(whole, 8 * 36)), "the checksum of the header is 0x");
  has(complaint(noise(100)), "it is no lzop file");

  const std::string checked = run_lzop("-c --crc32", plain).output;
  const std::size_t data = checked.rfind(word(75712)) + 12;
  has(complaint(with_bit_flipped(checked, 8 * (data - 1))), "the CRC-32 of its plain bytes is 0x");
}

TEST_CASE("headers that cannot be read are refused with the reason", "[unit]") {
  const std::string whole = encode(text(1000));
  has(complaint(with_header(whole, 9, "\x09\x30")), "made by lzop 0x00000930, too old");
  has(complaint(with_header(whole, 13, "\x10\x50")), "reading it takes lzop 0x00001050");
  has(complaint(with_header(whole, 15, "\x80")), "unknown method 128");
  has(complaint(with_header(whole, 15, std::string(1, '\0'))), "unknown method 0");
  has(complaint(with_header(whole, 17, "\x03\x01")), "unknown flags 0x0301000d");
  has(complaint(with_header(whole, 17, word(0x0300040d))), "a part of a split file");
  CHECK(complaint(with_header(whole, 21, word(0777))) == "none");
}

TEST_CASE("an unknown filter is refused", "[unit]") {
  std::string filtered = run_lzop("-c --filter=2", text(1000)).output;
  filtered.replace(21, 4, word(17));
  filtered.replace(38, 4, word(adler(filtered.substr(9, 29))));
  has(complaint(filtered), "unknown filter 17");
}

TEST_CASE("blocks beyond what lzop makes are refused with the reason", "[unit]") {
  const std::string header = encode("").substr(0, lzop_header_size);
  has(complaint(header + word(262145) + word(100)), "a block of 262145 bytes, and at most 262144");
  has(complaint(header + word(64 << 20) + word(100)), "a block of 67108864 bytes, and at most");
  has(complaint(header + word((64 << 20) + 1)), "bytes, which lzop does not make");
  has(complaint(header + word(0xffffffff)), "a part of a split file");
  has(complaint(header + word(100) + word(0)), "a block of 100 bytes stored in 0");
  has(complaint(header + word(100) + word(101)), "a block of 100 bytes stored in 101");
}

TEST_CASE("an extra field is passed over as lzop does", "[unit]") {
  const std::string plain = text(1000);
  const std::string whole = with_header(encode(plain), 17, word(0x0300004d));
  const std::string field = word(70000) + noise(70000);
  const std::string extended = whole.substr(0, 38) + field + word(adler(field)) + whole.substr(38);
  REQUIRE(run_lzop("-t", extended).exit_code == 0);
  CHECK((run_lzop("-dc", extended).output == plain));
  CHECK((decode(extended) == plain));
  for (std::size_t piece : {1, 100, 38 + 70000})
    CHECK((decode(extended, piece) == plain));
  has(complaint(with_bit_flipped(extended, 8 * 5000)), "the checksum of the extra field is 0x");
  has(complaint(extended.substr(0, 5000)), "it ends within a header");
}

TEST_CASE("checksums of the stored bytes are verified", "[unit]") {
  // lzop never writes them by itself, but reads them where the plain bytes have theirs as well.
  const auto crc = [](const std::string& bytes) {
    return lzo_crc32(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  };
  const std::string plain = text(1000);
  const std::string whole = with_header(encode(plain), 17, word(0x0300030f));
  const std::string data = whole.substr(50, whole.size() - 54);
  const std::string checked =
      whole.substr(0, 50) + word(crc(plain)) + word(adler(data)) + word(crc(data)) + data + word(0);
  REQUIRE(run_lzop("-t", checked).exit_code == 0);
  CHECK((decode(checked) == plain));
  has(complaint(with_bit_flipped(checked, 8 * 55)), "the Adler-32 of its stored bytes is 0x");
  has(complaint(with_bit_flipped(checked, 8 * 59)), "the CRC-32 of its stored bytes is 0x");
}

TEST_CASE("blocks that hold more or less than they say are refused", "[unit]") {
  const std::string whole = encode(zeros(1000));
  std::string less = whole, more = whole;
  less.replace(38, 4, word(999));
  more.replace(38, 4, word(1001));
  has(complaint(less), "not LZO1X data");
  has(complaint(more), "holds 1000 bytes, must be 1001");
}
