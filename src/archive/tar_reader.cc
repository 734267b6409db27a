// The parser gathers a header or an extension until it is whole, and passes bodies on as views.
//
// Sizes come from whoever wrote the archive. An extension may have at most `extension_limit` bytes,
// and of a pax header only the few values we use are kept, so memory is bounded whatever comes.
#include <wale/archive/tar.hpp>
#include <wale/base/error.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace wale::archive {
namespace {

/// PATH_MAX is 4,096; extended attributes, which GNU tar and others put here, reach 64 KiB each.
constexpr std::uint64_t extension_limit = 1024 * 1024;
/// Keeps every sum of a size and a position within 64 bits.
constexpr std::uint64_t size_limit = std::uint64_t{1} << 62;

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), value) != all.end();
}

template <class T> bool parse_decimal(std::string_view s, T& out) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  return error == std::errc{} && end == s.data() + s.size() && !s.empty();
}

/// "1e-05", as Python's str() writes what is less than 0.0001; far less than a second, therefore.
bool parse_tiny_time(std::string_view s, std::int64_t& ns) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), seconds);
  if (error != std::errc{} || end != s.data() + s.size() || !(std::abs(seconds) < 1)) return false;
  ns = static_cast<std::int64_t>(seconds * 1e9);
  return true;
}

/// "[-]SECONDS[.FRACTION]"; times beyond the range of 64 bits of nanoseconds become its ends.
bool parse_time(std::string_view s, std::int64_t& ns) {
  if (s.find("e-") != s.npos) return parse_tiny_time(s, ns);
  const bool negative = s.starts_with('-');
  if (negative) s.remove_prefix(1);
  const std::size_t point = s.find('.');
  const std::string_view whole = s.substr(0, point);
  std::string fraction(point == s.npos ? std::string_view{} : s.substr(point + 1));
  if (!std::all_of(fraction.begin(), fraction.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return false;
  fraction.resize(9, '0');
  std::uint64_t seconds = 0;
  std::uint64_t nanos = 0;
  if (!parse_decimal(whole, seconds) || !parse_decimal(fraction, nanos)) return false;
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  const auto value = static_cast<std::int64_t>(std::min(seconds, most) * 1'000'000'000 + nanos);
  ns = negative ? -value : value;
  return true;
}

void trim_slashes(std::string& name) {
  while (name.ends_with('/'))
    name.pop_back();
}

} // namespace

tar_reader::event tar_reader::next(std::span<const std::byte>& input) {
  for (;;) {
    switch (state_) {
    case state::header:
      if (!gather(input, tar_unit)) return event::need_more;
      take_header();
      if (std::exchange(member_ready_, false)) return event::member;
      break;
    case state::extension:
      if (!gather(input, extension_size_)) return event::need_more;
      end_extension();
      break;
    case state::body: {
      if (input.empty()) return event::need_more;
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), body_left_));
      body_ = input.first(n);
      input = input.subspan(n);
      position_ += n;
      body_left_ -= n;
      if (body_left_ == 0) state_ = state::padding;
      return event::body;
    }
    case state::padding:
      if (!skip_padding(input)) return event::need_more;
      break;
    case state::done:
      if (!std::all_of(input.begin(), input.end(), [](std::byte b) { return b == std::byte{0}; }))
        fail("bytes follow after the end of the archive");
      position_ += input.size();
      input = {};
      return event::end;
    }
  }
}

void tar_reader::finish() const {
  if (state_ == state::done) return;
  if (state_ == state::body || state_ == state::padding)
    fail(
        "it ends within the member \"" + member_.name + "\", " + std::to_string(body_left_) +
        " bytes early");
  if (position_ == 0) fail("it is empty");
  fail("its end mark (two blocks of zeros) is missing");
}

bool tar_reader::gather(std::span<const std::byte>& input, std::size_t wanted) {
  const std::size_t n = std::min(input.size(), wanted - gathered_.size());
  gathered_.append(reinterpret_cast<const char*>(input.data()), n);
  input = input.subspan(n);
  position_ += n;
  return gathered_.size() == wanted;
}

bool tar_reader::skip_padding(std::span<const std::byte>& input) {
  const std::size_t n = std::min(input.size(), padding_left_);
  input = input.subspan(n);
  position_ += n;
  padding_left_ -= n;
  if (padding_left_ > 0) return false;
  state_ = state::header;
  return true;
}

void tar_reader::take_zeros() {
  if (extended_) fail("it ends after an extended header");
  if (zero_seen_) state_ = state::done;
  zero_seen_ = true;
}

/// A header is good if the sum of its bytes, the checksum's own taken as blanks, is the number in
/// it. Some old writers summed signed characters.
void tar_reader::take_header() {
  if (gathered_.find_first_not_of('\0') == gathered_.npos) {
    gathered_.clear();
    take_zeros();
    return;
  }
  if (zero_seen_) fail("a lone block of zeros");
  std::int64_t plain = 0;
  std::int64_t with_sign = 0;
  for (std::size_t i = 0; i < tar_unit; ++i) {
    const char c = i >= 148 && i < 156 ? ' ' : gathered_[i];
    plain += static_cast<unsigned char>(c);
    with_sign += static_cast<signed char>(c);
  }
  const auto stored = static_cast<std::int64_t>(number(148, 8, "checksum"));
  if (stored != plain && stored != with_sign) fail("the checksum of a header is wrong");
  const char type = gathered_[156];
  switch (type) {
  case 'x':
  case 'X': // Solaris
    begin_extension(extension::pax_next);
    break;
  case 'g':
    begin_extension(extension::pax_global);
    break;
  case 'L':
    begin_extension(extension::long_name);
    break;
  case 'K':
    begin_extension(extension::long_link);
    break;
  default:
    begin_member(type);
  }
  gathered_.clear();
}

void tar_reader::begin_extension(extension what) {
  const std::uint64_t size = number(124, 12, "size");
  if (size > extension_limit) fail("an extended header claims " + std::to_string(size) + " bytes");
  extension_ = what;
  extension_size_ = static_cast<std::size_t>(size);
  padding_left_ = tar_padding(size);
  extended_ = extended_ || what != extension::pax_global;
  state_ = state::extension;
}

void tar_reader::end_extension() {
  const auto name = [this] { return gathered_.substr(0, gathered_.find('\0')); };
  switch (extension_) {
  case extension::pax_next:
    next_.clear();
    take_pax_records(next_);
    break;
  case extension::pax_global:
    take_pax_records(global_);
    break;
  case extension::long_name:
    long_name_ = name();
    break;
  case extension::long_link:
    long_link_ = name();
    break;
  }
  gathered_.clear();
  state_ = state::padding;
}

/// Records are "LENGTH KEY=VALUE\n", LENGTH counting all of it.
void tar_reader::take_pax_records(records& into) {
  std::string_view rest = gathered_;
  while (!rest.empty()) {
    const std::size_t blank = rest.find(' ');
    std::size_t length = 0;
    if (blank == rest.npos || !parse_decimal(rest.substr(0, blank), length) || length <= blank ||
        length > rest.size() || rest[length - 1] != '\n')
      fail("an extended header is malformed");
    std::string_view record = rest.substr(blank + 1, length - blank - 1);
    record.remove_suffix(1);
    const std::size_t equals = record.find('=');
    if (equals == record.npos || equals == 0) fail("a record of an extended header is malformed");
    take_pax_record(into, record.substr(0, equals), record.substr(equals + 1));
    rest.remove_prefix(length);
  }
}

void tar_reader::take_pax_record(records& into, std::string_view key, std::string_view value) {
  if (key.starts_with("GNU.sparse."))
    throw failure(
        kind::refused,
        "a sparse member cannot be extracted",
        "The archive holds a file in GNU tar's sparse form.",
        "Neither WAL-E nor wal-e writes this form; unpack the archive with GNU tar.");
  if (!is_one_of(key, {"path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime"}))
    return;
  if (value.find('\0') != value.npos) fail("a name has a NUL inside");
  into.insert_or_assign(std::string(key), std::string(value));
}

/// The value of the next header's record, else of the global one; an empty value takes back the
/// global one (POSIX.1-2018, pax, "pax Extended Header").
const std::string* tar_reader::record(std::string_view key) const {
  for (const records* from : {&next_, &global_}) {
    const auto found = from->find(key);
    if (found != from->end()) return found->second.empty() ? nullptr : &found->second;
  }
  return nullptr;
}

void tar_reader::begin_member(char type) {
  member_ = tar_member{};
  take_fields();
  take_type(type);
  apply_records();
  if (member_.type == tar_member::kind::file && member_.name.ends_with('/') && type != '7')
    member_.type = tar_member::kind::directory; // v7 has no type for directories
  if (member_.type == tar_member::kind::directory) trim_slashes(member_.name);
  // The size of anything but a file says nothing about what follows (GNU tar and tarfile agree).
  if (member_.type != tar_member::kind::file) member_.size = 0;
  if (member_.size > size_limit) fail("a size is out of range");
  next_.clear();
  long_name_.clear();
  long_link_.clear();
  extended_ = false;
  member_ready_ = true;
  body_left_ = member_.size;
  padding_left_ = tar_padding(member_.size);
  state_ = body_left_ > 0 ? state::body : state::padding;
}

void tar_reader::take_fields() {
  const std::string_view magic = std::string_view(gathered_).substr(257, 8);
  const bool posix = magic.starts_with(std::string_view("ustar\0", 6));
  const bool gnu = magic == std::string_view("ustar  \0", 8);
  member_.name = text(0, 100);
  if (posix && gathered_[345] != '\0')
    member_.name = std::string(text(345, 155)) + '/' + member_.name;
  member_.mode = static_cast<std::uint32_t>(number(100, 8, "mode") & 07777);
  member_.uid = number(108, 8, "uid");
  member_.gid = number(116, 8, "gid");
  member_.size = number(124, 12, "size");
  const auto seconds = static_cast<std::int64_t>(number(136, 12, "mtime"));
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  member_.mtime_ns = std::clamp(seconds, -most, most) * 1'000'000'000;
  member_.link_target = text(157, 100);
  if (posix || gnu) {
    member_.user = text(265, 32);
    member_.group = text(297, 32);
  }
}

void tar_reader::take_type(char type) {
  switch (type) {
  case '\0':
  case '0':
  case '7': // contiguous: a file where the system has no such thing
    member_.type = tar_member::kind::file;
    return;
  case '1':
    member_.type = tar_member::kind::hard_link;
    return;
  case '2':
    member_.type = tar_member::kind::symlink;
    return;
  case '3':
  case '4':
    member_.type = tar_member::kind::device;
    return;
  case '5':
    member_.type = tar_member::kind::directory;
    return;
  case '6':
    member_.type = tar_member::kind::fifo;
    return;
  default:
    throw failure(
        kind::refused,
        "a member of the archive has a type that cannot be extracted",
        "The type is '" + std::string(1, type >= ' ' && type <= '~' ? type : '?') + "' (code " +
            std::to_string(static_cast<unsigned char>(type)) +
            (type == 'S' ? ", GNU tar's sparse form" : "") + ").",
        "Neither WAL-E nor wal-e writes this type; unpack the archive with the program that made "
        "it.");
  }
}

void tar_reader::apply_records() {
  if (!long_name_.empty()) member_.name = long_name_;
  if (!long_link_.empty()) member_.link_target = long_link_;
  if (const std::string* v = record("path")) member_.name = *v;
  if (const std::string* v = record("linkpath")) member_.link_target = *v;
  if (const std::string* v = record("uname")) member_.user = *v;
  if (const std::string* v = record("gname")) member_.group = *v;
  const std::string* size = record("size");
  const std::string* uid = record("uid");
  const std::string* gid = record("gid");
  const std::string* mtime = record("mtime");
  if ((size && !parse_decimal(*size, member_.size)) || (uid && !parse_decimal(*uid, member_.uid)) ||
      (gid && !parse_decimal(*gid, member_.gid)) ||
      (mtime && !parse_time(*mtime, member_.mtime_ns)))
    fail("a number in an extended header is malformed");
}

std::string_view tar_reader::text(std::size_t offset, std::size_t length) const {
  const std::string_view field = std::string_view(gathered_).substr(offset, length);
  return field.substr(0, field.find('\0'));
}

/// Octal digits after blanks, ended by a blank or NUL; or, with the first bit set, a big-endian
/// two's complement number (GNU tar manual, "Extensions": base-256). Negative ones only make sense
/// for times; elsewhere they are too large for their checks.
std::uint64_t tar_reader::number(std::size_t offset, std::size_t length, const char* what) const {
  const std::string_view field = std::string_view(gathered_).substr(offset, length);
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(field[i]); };
  if (byte(0) & 0x80) {
    const bool negative = byte(0) & 0x40;
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = 0; i < length; ++i) {
      const unsigned digit = i == 0 ? (negative ? byte(0) : byte(0) & 0x7f) : byte(i);
      // What is shifted out must be nothing but the sign.
      if (value >> 56 != (negative ? 0xff : 0))
        fail(std::string("the ") + what + " is out of range");
      value = value << 8 | digit;
    }
    return value;
  }
  std::size_t i = 0;
  while (i < length && field[i] == ' ')
    ++i;
  std::uint64_t value = 0;
  for (; i < length && field[i] >= '0' && field[i] <= '7'; ++i)
    value = value << 3 | (byte(i) - '0');
  while (i < length && (field[i] == ' ' || field[i] == '\0'))
    ++i;
  if (i < length) fail(std::string("the ") + what + " of a header is no number");
  return value;
}

void tar_reader::fail(std::string_view what) const {
  throw failure(
      kind::corrupt,
      "the tar archive is damaged",
      std::string(what) + " (near byte " + std::to_string(position_) + ").");
}

} // namespace wale::archive
