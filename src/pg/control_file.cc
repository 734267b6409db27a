// Reads pg_control. Where each field lies follows from the C struct of that version on a 64-bit
// machine; tests compare with what the servers' own tools print.

#include "bytes.hpp"

#include <wale/base/error.hpp>
#include <wale/io/unique_fd.hpp>
#include <wale/pg/control_file.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

namespace wale::pg {

namespace {

/// Offsets in ControlFileData. The first 40 bytes are the same everywhere.
struct layout {
  std::uint32_t control_version;
  std::size_t checkpoint_copy;    ///< prevCheckPoint stands before it up to 10
  std::size_t checkpoint_time;    ///< in that copy: nextXid became 64 bits wide in 12
  std::size_t min_recovery_point; ///< and four fields behind it
  std::size_t block_size;         ///< max_wal_senders came before it in 12
  std::size_t checksum_version;
  std::size_t crc; ///< a nonce stands before it from 10 on
};

constexpr std::array<layout, 7> layouts = {{
    {960, 48, 56, 136, 216, 252, 256},
    {1002, 48, 56, 136, 216, 252, 288},
    {1100, 40, 56, 128, 208, 244, 280},
    {1201, 40, 64, 136, 216, 252, 288},
    {1300, 40, 64, 136, 216, 252, 288},
    {1700, 40, 64, 136, 216, 252, 288},
    {1800, 40, 64, 136, 216, 252, 292},
}};

/// PG_CONTROL_FILE_SIZE; the rest is zero.
constexpr std::size_t file_size = 8192;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? value >> 1 ^ 0x82F63B78U : value >> 1; // Castagnoli, reflected
    table[i] = value;
  }
  return table;
}

std::uint32_t crc32c(std::span<const std::byte> bytes) {
  static constexpr auto table = make_crc_table();
  std::uint32_t crc = 0xffffffffU;
  for (const std::byte b : bytes)
    crc = table[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xff] ^ crc >> 8;
  return ~crc;
}

failure corrupt(std::string detail, std::string hint = {}) {
  return failure(kind::corrupt, "unreadable pg_control", std::move(detail), std::move(hint));
}

const layout& layout_of(std::uint32_t version) {
  for (const layout& l : layouts)
    if (l.control_version == version) return l;
  if (version != 0 && version % 65536 == 0)
    throw corrupt("It was written by a machine of the other byte order.");
  throw corrupt(
      "Its version is " + std::to_string(version) + ".",
      "This program knows those of PostgreSQL 9.6 to 18.");
}

bool has_good_crc(std::span<const std::byte> bytes, const layout& l) {
  return crc32c(bytes.first(l.crc)) == little_endian<std::uint32_t>(bytes, l.crc);
}

/// Whether another look may find what this one did not.
bool may_be_torn(std::span<const std::byte> bytes) {
  if (bytes.size() < file_size) return true;
  const auto version = little_endian<std::uint32_t>(bytes, 8);
  for (const layout& l : layouts)
    if (l.control_version == version) return !has_good_crc(bytes, l);
  return false;
}

std::vector<std::byte> read_bytes(const std::string& path) {
  const io::unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw failure::system(errno, "open \"" + path + "\"");
  std::vector<std::byte> bytes(file_size);
  std::size_t have = 0;
  int error = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(fd.get(), bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  if (error != 0) throw failure::system(error, "read \"" + path + "\"");
  bytes.resize(have);
  return bytes;
}

} // namespace

std::string_view to_string(cluster_state state) noexcept {
  switch (state) {
  case cluster_state::starting_up:
    return "starting up";
  case cluster_state::shut_down:
    return "shut down";
  case cluster_state::shut_down_in_recovery:
    return "shut down in recovery";
  case cluster_state::shutting_down:
    return "shutting down";
  case cluster_state::in_crash_recovery:
    return "in crash recovery";
  case cluster_state::in_archive_recovery:
    return "in archive recovery";
  case cluster_state::in_production:
    return "in production";
  }
  return "unrecognized status code";
}

control_data parse_control_file(std::span<const std::byte> bytes) {
  if (bytes.size() < 16) throw corrupt("It has only " + std::to_string(bytes.size()) + " bytes.");
  control_data data;
  const auto u32 = [&](std::size_t at) { return little_endian<std::uint32_t>(bytes, at); };
  const auto u64 = [&](std::size_t at) { return little_endian<std::uint64_t>(bytes, at); };
  data.control_version = u32(8);
  const layout& l = layout_of(data.control_version);
  if (bytes.size() < l.crc + 4)
    throw corrupt("It has only " + std::to_string(bytes.size()) + " bytes.");
  if (!has_good_crc(bytes, l)) throw corrupt("Its CRC is wrong.");

  data.system_identifier = u64(0);
  data.catalog_version = u32(12);
  data.state = cluster_state{u32(16)};
  data.time = static_cast<std::int64_t>(u64(24));
  data.checkpoint = lsn{u64(32)};
  data.redo = lsn{u64(l.checkpoint_copy)};
  data.tli = timeline{u32(l.checkpoint_copy + 8)};
  data.previous_tli = timeline{u32(l.checkpoint_copy + 12)};
  data.checkpoint_time = static_cast<std::int64_t>(u64(l.checkpoint_copy + l.checkpoint_time));
  data.min_recovery_point = lsn{u64(l.min_recovery_point)};
  data.min_recovery_tli = timeline{u32(l.min_recovery_point + 8)};
  data.backup_start = lsn{u64(l.min_recovery_point + 16)};
  data.backup_end = lsn{u64(l.min_recovery_point + 24)};
  data.backup_end_required = bytes[l.min_recovery_point + 32] != std::byte{0};
  data.block_size = u32(l.block_size);
  data.wal_block_size = u32(l.block_size + 8);
  data.wal_segment_size = segment_size(u32(l.block_size + 12));
  data.checksum_version = u32(l.checksum_version);
  return data;
}

control_image read_control_file(const std::string& data_directory) {
  const std::string path = data_directory + "/global/pg_control";
  // The server writes the file in one piece, yet a reader can see half of it on some file systems.
  constexpr int attempts = 50;
  for (int i = 1;; ++i) {
    control_image image;
    image.bytes = read_bytes(path);
    try {
      image.data = parse_control_file(image.bytes);
      return image;
    } catch (const failure& f) {
      if (i == attempts || !may_be_torn(image.bytes))
        throw f.with_msg("unreadable control file \"" + path + "\"");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

} // namespace wale::pg
