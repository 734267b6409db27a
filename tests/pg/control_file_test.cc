// Control files of real servers of every supported version, and broken ones.

#include "control_samples.hpp"
#include "support/bytes.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/pg/control_file.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace wale;
using namespace wale::pg;

namespace {

std::string refusal(std::span<const std::byte> bytes) {
  try {
    parse_control_file(bytes);
  } catch (const failure& f) {
    CHECK(f.why() == kind::corrupt);
    return f.text().detail;
  }
  return "accepted";
}

} // namespace

TEST_CASE("control file: what the server says of itself, 9.6 to 18", "[unit]") {
  for (const auto& sample : samples::control_samples) {
    INFO(sample.server);
    const control_data data = parse_control_file(test::from_hex(sample.hex));
    CHECK(data.system_identifier == sample.system_identifier);
    CHECK(data.control_version == sample.control_version);
    CHECK(data.catalog_version == sample.catalog_version);
    CHECK(data.state == cluster_state::in_archive_recovery);
    CHECK(data.time == sample.last_modified);
    CHECK(to_string(data.checkpoint) == sample.checkpoint);
    CHECK(to_string(data.redo) == sample.redo);
    CHECK(data.tli.value == sample.tli);
    CHECK(data.previous_tli.value == sample.previous_tli);
    CHECK(data.checkpoint_time == sample.checkpoint_time);
    CHECK(to_string(data.min_recovery_point) == sample.min_recovery_end);
    CHECK(data.min_recovery_tli.value == sample.min_recovery_tli);
    CHECK(data.backup_start == lsn{});
    CHECK(data.backup_end == lsn{});
    CHECK_FALSE(data.backup_end_required);
    CHECK(data.block_size == 8192);
    CHECK(data.wal_block_size == 8192);
    CHECK(data.wal_segment_size.bytes() == sample.segment_size);
    CHECK(data.checksum_version == sample.checksum_version);
    CHECK_FALSE(data.is_shut_down());
  }
}

TEST_CASE("control file: a standby that was shut down", "[unit]") {
  for (const auto& sample : samples::control_samples) {
    INFO(sample.server);
    const control_data data = parse_control_file(test::from_hex(sample.hex_shutdown));
    CHECK(data.system_identifier == sample.system_identifier);
    CHECK(data.state == cluster_state::shut_down_in_recovery);
    CHECK(data.is_shut_down());
    CHECK(to_string(data.state) == "shut down in recovery");
  }
}

TEST_CASE("control file: every flipped bit is noticed", "[unit]") {
  const auto good = test::from_hex(samples::control_samples.back().hex);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    auto bytes = good;
    bytes[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    CHECK_THROWS_AS(parse_control_file(bytes), failure);
  }
}

TEST_CASE("control file: what it is not", "[unit]") {
  const auto good = test::from_hex(samples::control_samples.back().hex);
  const std::span<const std::byte> all(good);
  CHECK(refusal({}) == "It has only 0 bytes.");
  CHECK(refusal(all.first(15)) == "It has only 15 bytes.");
  CHECK(refusal(all.first(295)) == "It has only 295 bytes.");

  auto bytes = good;
  bytes[100] ^= std::byte{1};
  CHECK(refusal(bytes) == "Its CRC is wrong.");

  // Version 1900, and 1300 as a big-endian machine writes it.
  bytes = good;
  bytes[8] = std::byte{0x6c};
  bytes[9] = std::byte{0x07};
  CHECK(refusal(bytes) == "Its version is 1900.");
  bytes[8] = std::byte{0};
  bytes[9] = std::byte{0};
  bytes[10] = std::byte{0x05};
  bytes[11] = std::byte{0x14};
  CHECK(refusal(bytes) == "It was written by a machine of the other byte order.");
}

// Half of an old one and half of a new, until the server has written the rest. The reader meets a
// FIFO first: what it reads there is torn, and the file is mended before it can look again.
TEST_CASE("control file: what is torn is read again", "[unit]") {
  const auto& sample = samples::control_samples.back();
  auto whole = test::from_hex(sample.hex);
  whole.resize(8192);
  auto torn = whole;
  torn[100] ^= std::byte{1};

  const test::scratch_dir dir;
  dir.write("mended", {reinterpret_cast<const char*>(whole.data()), whole.size()});
  dir.make("global");
  const std::string path = dir / "global/pg_control";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  ssize_t written = -1;
  std::jthread server([&] {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    std::filesystem::rename(dir / "mended", path);
    written = ::write(fd, torn.data(), torn.size());
    ::close(fd);
  });
  const control_image image = read_control_file(dir.path());
  server.join();
  CHECK(written == 8192);
  CHECK(image.bytes == whole);
  CHECK(image.data.system_identifier == sample.system_identifier);
}
