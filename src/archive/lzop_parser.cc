// The structure of an lzop stream: members, each of a header, blocks and an end. One part after the
// other is gathered until it is complete, then read.
#include "lzop_format.hpp"

#include <wale/archive/adler32.hpp>
#include <wale/archive/lzop.hpp>

#include <lzo/lzoconf.h>

#include <algorithm>
#include <bit>

namespace wale::archive {

namespace format = lzop_format;

namespace {

constexpr std::size_t word = 4;

std::span<const std::byte> cut(std::span<const std::byte>& input, std::size_t n) {
  const auto front = input.first(n);
  input = input.subspan(n);
  return front;
}

} // namespace

std::optional<lzop_block> lzop_parser::next_block(std::span<const std::byte>& input) {
  block_is_complete_ = false;
  while (!block_is_complete_)
    if (!step(input)) return std::nullopt;
  return block_;
}

std::span<const std::byte> lzop_parser::take_stored(std::span<const std::byte>& input) noexcept {
  const auto taken = cut(input, std::min(input.size(), stored_left_));
  stored_left_ -= taken.size();
  offset_ += taken.size();
  return taken;
}

void lzop_parser::finish() const {
  if (part_ == part::between) {
    if (members_ == 0 && pending_.empty()) format::corrupt("It is empty.");
    if (members_ == 0) fail("it ends within its header");
    if (!pending_.empty()) fail("bytes follow its end that are no header");
    return;
  }
  if (part_ < part::plain_size) fail("it ends within a header");
  if (part_ == part::plain_size && pending_.empty() && stored_left_ == 0)
    fail("it ends without an end block");
  fail("it ends within a block");
}

/// Completes the current part, or takes all of `input` and returns false.
bool lzop_parser::step(std::span<const std::byte>& input) {
  if (part_ == part::extra) return skip_extra(input);
  if (part_ == part::plain_size && pending_.empty()) block_.offset = offset_;
  if (!gather(input, size_of_part())) return false;
  read_part();
  return true;
}

bool lzop_parser::gather(std::span<const std::byte>& input, std::size_t size) {
  const auto taken = cut(input, std::min(input.size(), size - pending_.size()));
  pending_.insert(pending_.end(), taken.begin(), taken.end());
  offset_ += taken.size();
  return pending_.size() == size;
}

void lzop_parser::enter(part next) noexcept {
  part_ = next;
  pending_.clear();
}

std::size_t lzop_parser::size_of_part() const noexcept {
  switch (part_) {
  case part::between:
    return format::magic.size();
  case part::fixed:
    return 12;
  case part::variable:
    return (flags_ & format::filter ? word : 0) + 13;
  case part::name:
    return name_size_ + word;
  case part::checksums: {
    const auto kept = block_.is_compressed() ? format::plain_checksums | format::stored_checksums
                                             : format::plain_checksums;
    return word * static_cast<std::size_t>(std::popcount(flags_ & kept));
  }
  default:
    return word;
  }
}

void lzop_parser::read_part() {
  switch (part_) {
  case part::between:
    return read_magic();
  case part::fixed:
    return read_fixed();
  case part::variable:
    return read_variable();
  case part::name:
    return read_name();
  case part::extra_size:
    extra_left_ = format::get(pending_);
    begin_checksum();
    add_to_checksum(pending_);
    return enter(part::extra);
  case part::extra:
    return;
  case part::extra_checksum:
    verify_checksum(pending_, "extra field");
    return enter(part::plain_size);
  case part::plain_size:
    return read_plain_size();
  case part::stored_size:
    return read_stored_size();
  case part::checksums:
    return read_checksums();
  }
}

void lzop_parser::read_magic() {
  if (!std::ranges::equal(pending_, format::magic))
    fail(members_ == 0 ? "it is no lzop file" : "bytes follow its end that are no header");
  enter(part::fixed);
}

void lzop_parser::read_fixed() {
  const std::span<const std::byte> fields(pending_);
  const std::uint32_t version = format::get(fields.subspan(0, 2));
  const std::uint32_t needed = format::get(fields.subspan(4, 2));
  const std::uint32_t method = format::get(fields.subspan(6, 1));
  flags_ = format::get(fields.subspan(8, 4));
  if (version < format::oldest_version) fail("made by lzop " + format::hex(version) + ", too old");
  if (needed > format::version) fail("reading it takes lzop " + format::hex(needed));
  if (method < format::lzo1x_1 || method > format::lzo1x_999)
    fail("unknown method " + std::to_string(method));
  if (flags_ & format::reserved) fail("unknown flags " + format::hex(flags_));
  if (flags_ & format::multipart) fail("a part of a split file");
  begin_checksum();
  add_to_checksum(pending_);
  enter(part::variable);
}

void lzop_parser::read_variable() {
  const std::span<const std::byte> fields(pending_);
  filter_ = flags_ & format::filter ? format::get(fields.first(word)) : 0;
  if (filter_ > format::filter_limit) fail("unknown filter " + std::to_string(filter_));
  name_size_ = std::to_integer<std::size_t>(fields.back());
  add_to_checksum(fields);
  enter(part::name);
}

void lzop_parser::read_name() {
  const std::span<const std::byte> fields(pending_);
  add_to_checksum(fields.first(name_size_));
  verify_checksum(fields.subspan(name_size_), "header");
  enter(flags_ & format::extra_field ? part::extra_size : part::plain_size);
}

bool lzop_parser::skip_extra(std::span<const std::byte>& input) {
  const auto taken = cut(input, std::min<std::size_t>(input.size(), extra_left_));
  add_to_checksum(taken);
  offset_ += taken.size();
  extra_left_ -= static_cast<std::uint32_t>(taken.size());
  if (extra_left_ != 0) return false;
  enter(part::extra_checksum);
  return true;
}

void lzop_parser::read_plain_size() {
  block_.plain_size = format::get(pending_);
  if (block_.plain_size == 0) {
    ++members_;
    return enter(part::between);
  }
  if (block_.plain_size == format::split_mark) fail("a part of a split file");
  if (block_.plain_size > format::block_limit)
    fail("a block of " + std::to_string(block_.plain_size) + " bytes, which lzop does not make");
  if (block_.plain_size > lzop_block_limit)
    fail(
        "a block of " + std::to_string(block_.plain_size) + " bytes, and at most " +
        std::to_string(lzop_block_limit) + " can be read, which is what lzop makes by default");
  enter(part::stored_size);
}

void lzop_parser::read_stored_size() {
  block_.stored_size = format::get(pending_);
  if (block_.stored_size == 0 || block_.stored_size > block_.plain_size)
    fail(
        "a block of " + std::to_string(block_.plain_size) + " bytes stored in " +
        std::to_string(block_.stored_size));
  enter(part::checksums);
}

void lzop_parser::read_checksums() {
  std::span<const std::byte> fields(pending_);
  const auto take = [&](std::uint32_t flag, bool present) {
    std::optional<std::uint32_t> value;
    if (present && (flags_ & flag) != 0) value = format::get(cut(fields, word));
    return value;
  };
  block_.plain_adler32 = take(format::adler32_plain, true);
  block_.plain_crc32 = take(format::crc32_plain, true);
  block_.stored_adler32 = take(format::adler32_stored, block_.is_compressed());
  block_.stored_crc32 = take(format::crc32_stored, block_.is_compressed());
  block_.filter = filter_;
  block_.number = blocks_++;
  block_is_complete_ = true;
  stored_left_ = block_.stored_size;
  enter(part::plain_size);
}

void lzop_parser::begin_checksum() noexcept {
  checksum_ = flags_ & format::header_crc32 ? lzo_crc32(0, nullptr, 0) : 1;
}

void lzop_parser::add_to_checksum(std::span<const std::byte> bytes) noexcept {
  // liblzo2 starts again when it is given a null pointer, which an empty span may hold.
  if (bytes.empty()) return;
  if (flags_ & format::header_crc32)
    checksum_ =
        lzo_crc32(checksum_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  else
    checksum_ = adler32(bytes, checksum_);
}

void lzop_parser::verify_checksum(std::span<const std::byte> stored, const char* of) const {
  const std::uint32_t expected = format::get(stored);
  if (checksum_ != expected)
    fail(
        std::string("the checksum of the ") + of + " is " + format::hex(checksum_) + ", must be " +
        format::hex(expected));
}

void lzop_parser::fail(const std::string& what) const {
  format::corrupt(
      "At byte " + std::to_string(offset_) + " of the compressed stream, after " +
      std::to_string(blocks_) + " blocks: " + what + ".");
}

} // namespace wale::archive
