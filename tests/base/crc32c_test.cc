// The examples of RFC 3720, B.4, and the check value of the algorithm.
#include <wale/base/crc32c.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <string>
#include <string_view>

using namespace wale;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string counting(int first, int by) {
  std::string text;
  for (int i = 0; i < 32; ++i)
    text += static_cast<char>(first + i * by);
  return text;
}

// "An iSCSI - SCSI Read (10) Command PDU".
constexpr std::array<unsigned char, 48> read_command{
    0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0,    0, 0, 0, 0,    //
    0x14, 0,    0, 0, 0, 0, 4, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18, //
    0x28, 0,    0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0,    0, 0, 0, 0};

} // namespace

TEST_CASE("CRC-32C as RFC 3720 has it") {
  struct row {
    std::string text;
    std::uint32_t sum;
  };
  const row rows[] = {
      {"", 0},
      {"123456789", 0xe3069283},
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {counting(0, 1), 0x46dd794e},
      {counting(31, -1), 0x113fdb5c},
      {std::string(read_command.begin(), read_command.end()), 0xd9963a56},
  };
  for (const row& r : rows) {
    CHECK(crc32c(bytes_of(r.text)) == r.sum);
    CHECK(crc32c_by_table(bytes_of(r.text)) == r.sum);
    for (std::size_t cut = 0; cut <= r.text.size(); ++cut) {
      const auto all = bytes_of(r.text);
      CHECK(crc32c(all.subspan(cut), crc32c(all.first(cut))) == r.sum);
      CHECK(crc32c_by_table(all.subspan(cut), crc32c_by_table(all.first(cut))) == r.sum);
    }
  }
}
