// Names and positions of WAL: parsing is strict, because a name decides where bytes are stored.

#include "bytes.hpp"

#include <wale/base/error.hpp>
#include <wale/pg/wal_name.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace wale::pg {

namespace {

/// Eight upper-case hexadecimal digits at `offset`.
std::optional<std::uint32_t> hex_word(std::string_view text, std::size_t offset) {
  if (text.size() < offset + 8) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text.substr(offset, 8)) {
    if (c >= '0' && c <= '9')
      value = value << 4 | static_cast<std::uint32_t>(c - '0');
    else if (c >= 'A' && c <= 'F')
      value = value << 4 | static_cast<std::uint32_t>(c - 'A' + 10);
    else
      return std::nullopt;
  }
  return value;
}

std::optional<std::uint32_t> hex_half(std::string_view text) {
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || text.size() > 8) return std::nullopt;
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool is_permitted(std::string_view text) {
  // "file names up to 64 characters long ... any combination of ASCII letters, digits, and dots"
  // (PostgreSQL manual, "Setting Up WAL Archiving").
  if (text.empty() || text.size() > 64 || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.';
  });
}

} // namespace

std::string to_string(lsn position) {
  char text[24];
  std::snprintf(
      text,
      sizeof text,
      "%X/%X",
      static_cast<unsigned>(position.value >> 32),
      static_cast<unsigned>(position.value & 0xffffffffU));
  return text;
}

std::optional<lsn> parse_lsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = hex_half(text.substr(0, slash));
  const auto low = hex_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return lsn{std::uint64_t{*high} << 32 | *low};
}

std::string to_hex(timeline tli) {
  char text[9];
  std::snprintf(text, sizeof text, "%08X", static_cast<unsigned>(tli.value));
  return text;
}

segment_size::segment_size(std::uint64_t bytes) : bytes_(static_cast<std::uint32_t>(bytes)) {
  if (!is_valid(bytes))
    throw failure(
        kind::corrupt,
        "impossible WAL segment size",
        "It is " + std::to_string(bytes) +
            " bytes, but must be a power of two between 1 MiB and 1 GiB.");
}

std::optional<wal_segment> wal_segment::parse(std::string_view name) {
  if (name.size() != 24) return std::nullopt;
  const auto tli = hex_word(name, 0);
  const auto log = hex_word(name, 8);
  const auto seg = hex_word(name, 16);
  if (!tli || !log || !seg) return std::nullopt;
  return wal_segment{timeline{*tli}, *log, *seg};
}

wal_segment wal_segment::containing(lsn position, timeline tli, segment_size size) {
  return {
      tli,
      static_cast<std::uint32_t>(position.value >> 32),
      static_cast<std::uint32_t>((position.value & 0xffffffffU) / size.bytes())};
}

wal_segment wal_segment::before(lsn position, timeline tli, segment_size size) {
  return containing(lsn{position.value == 0 ? 0 : position.value - 1}, tli, size);
}

std::string wal_segment::name() const {
  char text[25];
  std::snprintf(
      text,
      sizeof text,
      "%08X%08X%08X",
      static_cast<unsigned>(tli.value),
      static_cast<unsigned>(log),
      static_cast<unsigned>(seg));
  return text;
}

lsn wal_segment::start(segment_size size) const noexcept {
  return {(std::uint64_t{log} << 32) + std::uint64_t{seg} * size.bytes()};
}

lsn wal_segment::end(segment_size size) const noexcept {
  return {start(size).value + size.bytes()};
}

wal_segment wal_segment::next(segment_size size) const noexcept {
  if (seg + std::uint64_t{1} >= size.per_log()) return {tli, log + 1, 0};
  return {tli, log, seg + 1};
}

std::uint32_t offset_in_segment(lsn position, segment_size size) noexcept {
  return static_cast<std::uint32_t>(position.value % size.bytes());
}

wal_name wal_name::parse(std::string_view text) {
  if (!is_permitted(text))
    throw failure(
        wale::kind::usage,
        "not a name of a WAL file",
        "The name is \"" + std::string(text) + "\".",
        "PostgreSQL archives names of up to 64 letters, digits and dots.");
  wal_name name;
  name.text = text;
  const std::string_view rest = text.size() > 24 ? text.substr(24) : std::string_view{};
  if (const auto segment = wal_segment::parse(text.substr(0, 24)); segment) {
    const bool is_backup =
        rest.size() == 16 && rest[0] == '.' && hex_word(rest, 1) && rest.substr(9) == ".backup";
    if (rest.empty())
      name.type = kind::segment;
    else if (rest == ".partial")
      name.type = kind::partial;
    else if (is_backup)
      name.type = kind::backup;
    if (name.type != kind::other) {
      name.segment = segment;
      name.tli = segment->tli;
    }
  } else if (const auto tli = hex_word(text, 0); tli && text.substr(8) == ".history") {
    name.type = kind::history;
    name.tli = timeline{*tli};
  }
  return name;
}

std::optional<segment_header> read_segment_header(std::span<const std::byte> bytes) {
  constexpr std::uint16_t long_header = 0x0002; // XLP_LONG_HEADER
  if (bytes.size() < segment_header::length) return std::nullopt;
  segment_header header;
  header.magic = little_endian<std::uint16_t>(bytes, 0);
  header.info = little_endian<std::uint16_t>(bytes, 2);
  header.tli = timeline{little_endian<std::uint32_t>(bytes, 4)};
  header.page_address = lsn{little_endian<std::uint64_t>(bytes, 8)};
  // 16: the rest of a record continued from the segment before; 20: padding.
  header.system_identifier = little_endian<std::uint64_t>(bytes, 24);
  const auto size = little_endian<std::uint32_t>(bytes, 32);
  header.block_size = little_endian<std::uint32_t>(bytes, 36);

  const bool block_size_is_sane = header.block_size >= 1024 && header.block_size <= 65536 &&
                                  (header.block_size & (header.block_size - 1)) == 0;
  if (header.magic == 0 || (header.info & long_header) == 0 || header.tli.value == 0 ||
      header.system_identifier == 0 || !segment_size::is_valid(size) || !block_size_is_sane ||
      header.page_address.value % size != 0)
    return std::nullopt;
  header.size = segment_size(size);
  return header;
}

} // namespace wale::pg
