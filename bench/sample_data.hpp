#pragma once
// Bytes that compress as a database's do, the same in every run: pages of a heap, WAL, noise.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>

namespace wale::bench {

/// Pages of 8 KiB filled from behind with rows of a counter, two small numbers and 84 blanks, like
/// pgbench_accounts; lzop makes about a twelfth of it.
inline std::string heap_like(std::size_t size, std::uint32_t seed = 1) {
  constexpr std::size_t page_size = 8192, row_size = 128, rows = 60;
  std::mt19937 random(seed);
  std::string bytes(size / page_size * page_size, '\0');
  std::uint32_t account = seed * 100000;
  for (std::size_t page = 0; page < bytes.size(); page += page_size) {
    const std::uint32_t lsn[3] = {0, static_cast<std::uint32_t>(page), 0x00f80004};
    std::memcpy(&bytes[page], lsn, sizeof lsn);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t at = page_size - (row + 1) * row_size;
      const auto pointer = static_cast<std::uint32_t>(at | 121u << 17 | 1u << 15);
      std::memcpy(&bytes[page + 24 + 4 * row], &pointer, sizeof pointer);
      char* const tuple = &bytes[page + at];
      const std::uint32_t fields[] = {
          742,
          0,
          0,
          0,
          static_cast<std::uint32_t>(row + 1),
          0x18090204,
          ++account,
          account / 100000,
          random() % 20 == 0 ? static_cast<std::uint32_t>(random()) : 0};
      std::memcpy(tuple, fields, sizeof fields);
      std::memset(tuple + sizeof fields, ' ', 84);
    }
  }
  bytes.resize(size);
  return bytes;
}

/// Records of 60 to 180 bytes with counters, random block numbers and short random rows, and every
/// 30th the image of a page; lzop makes about a third of it.
inline std::string wal_like(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937 random(seed);
  const std::string pages = heap_like(1 << 20, seed);
  std::string bytes;
  bytes.reserve(size + 16384);
  for (std::uint32_t record = 1; bytes.size() < size; ++record) {
    const std::uint32_t head[] = {
        100 + static_cast<std::uint32_t>(random() % 3) * 37,
        742 + record / 5,
        static_cast<std::uint32_t>(bytes.size()),
        0,
        0x0a000000,
        static_cast<std::uint32_t>(random()),
        1663,
        13761,
        16384,
        static_cast<std::uint32_t>(random() % 20000)};
    bytes.append(reinterpret_cast<const char*>(head), sizeof head);
    for (std::size_t i = 0, n = 2 + random() % 6; i < n; ++i) {
      const auto value = static_cast<std::uint32_t>(random());
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    bytes.append(random() % 90, ' ');
    if (record % 30 == 0) bytes.append(pages, random() % 128 * 8192, 4000 + random() % 4000);
  }
  bytes.resize(size);
  return bytes;
}

inline std::string noise(std::size_t size, std::uint32_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at + 8 <= size; at += 8) {
    const std::uint64_t value = random();
    std::memcpy(&bytes[at], &value, sizeof value);
  }
  return bytes;
}

} // namespace wale::bench
