// Headers as Python's tarfile writes them in its pax format: plain ustar where a value fits, else a
// pax record and a truncated or zero field behind it.
#include <wale/archive/tar.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace wale::archive {
namespace {

// POSIX.1-2018, pax, table "ustar Header Block": offset and length of each field.
struct field {
  std::size_t offset;
  std::size_t length;
};
constexpr field f_name{0, 100};
constexpr field f_mode{100, 8};
constexpr field f_uid{108, 8};
constexpr field f_gid{116, 8};
constexpr field f_size{124, 12};
constexpr field f_mtime{136, 12};
constexpr field f_checksum{148, 8};
constexpr field f_type{156, 1};
constexpr field f_link{157, 100};
constexpr field f_magic{257, 8};
constexpr field f_user{265, 32};
constexpr field f_group{297, 32};

constexpr std::uint64_t greatest_in(field f) {
  return (std::uint64_t{1} << (3 * (f.length - 1))) - 1;
}

constexpr std::int64_t second = 1'000'000'000;

char type_flag(tar_member::kind k) {
  switch (k) {
  case tar_member::kind::file:
    return '0';
  case tar_member::kind::hard_link:
    return '1';
  case tar_member::kind::symlink:
    return '2';
  case tar_member::kind::device:
    return '3';
  case tar_member::kind::directory:
    return '5';
  case tar_member::kind::fifo:
    return '6';
  }
  return '0';
}

/// Well-formed UTF-8 as RFC 3629, section 4, has it.
bool is_utf8(std::string_view s) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  for (std::size_t i = 0; i < s.size();) {
    const unsigned char c = at(i);
    const std::size_t tail = c < 0x80 ? 0 : c >= 0xc2 && c <= 0xdf ? 1 : (c & 0xf0) == 0xe0 ? 2 : 3;
    if (c >= 0x80 && (c < 0xc2 || c > 0xf4)) return false;
    if (s.size() - i <= tail) return false;
    for (std::size_t j = 1; j <= tail; ++j)
      if ((at(i + j) & 0xc0) != 0x80) return false;
    if (c == 0xe0 && at(i + 1) < 0xa0) return false;
    if (c == 0xed && at(i + 1) > 0x9f) return false;
    if (c == 0xf0 && at(i + 1) < 0x90) return false;
    if (c == 0xf4 && at(i + 1) > 0x8f) return false;
    i += tail + 1;
  }
  return true;
}

class header_block {
public:
  void text(field f, std::string_view value) {
    std::memcpy(bytes_ + f.offset, value.data(), std::min(value.size(), f.length));
  }
  void octal(field f, std::uint64_t value) {
    for (std::size_t i = f.length - 1; i-- > 0; value /= 8)
      bytes_[f.offset + i] = static_cast<char>('0' + value % 8);
  }
  /// The sum of all bytes with the checksum field taken as blanks, as six digits, NUL, blank.
  void append_to(std::string& out) {
    std::memset(bytes_ + f_checksum.offset, ' ', f_checksum.length);
    unsigned sum = 0;
    for (char c : bytes_)
      sum += static_cast<unsigned char>(c);
    octal(field{f_checksum.offset, f_checksum.length - 1}, sum);
    bytes_[f_checksum.offset + 6] = '\0';
    out.append(bytes_, tar_unit);
  }

private:
  char bytes_[tar_unit] = {};
};

/// "LENGTH KEY=VALUE\n", where LENGTH counts its own digits.
void append_record(std::string& out, std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length)
    length = rest + std::to_string(length).size();
  out += std::to_string(length);
  out += ' ';
  out += key;
  out += '=';
  out += value;
  out += '\n';
}

std::string decimal_seconds(std::int64_t ns) {
  const std::uint64_t magnitude = ns < 0 ? 0 - static_cast<std::uint64_t>(ns) : ns;
  std::string text = (ns < 0 ? "-" : "") + std::to_string(magnitude / second);
  std::string fraction = std::to_string(magnitude % second);
  if (fraction == "0") return text;
  fraction.insert(0, 9 - fraction.size(), '0');
  fraction.resize(fraction.find_last_not_of('0') + 1);
  return text + '.' + fraction;
}

/// Fills one header and the records that say what it cannot.
class header_writer {
public:
  void text(field f, std::string_view key, std::string_view value) {
    block_.text(f, value);
    if (value.size() <= f.length) return;
    binary_ = binary_ || !is_utf8(value);
    append_record(records_, key, value);
  }
  /// A name within a field that must end in NUL.
  void owner(field f, std::string_view key, std::string_view value) {
    text(field{f.offset, f.length - 1}, key, value);
  }
  void number(field f, std::string_view key, std::uint64_t value) {
    const bool fits = value <= greatest_in(f);
    block_.octal(f, fits ? value : 0);
    if (!fits) append_record(records_, key, std::to_string(value));
  }
  void time(std::int64_t ns) {
    const bool fits = ns >= 0 && static_cast<std::uint64_t>(ns / second) <= greatest_in(f_mtime);
    block_.octal(f_mtime, fits ? static_cast<std::uint64_t>(ns / second) : 0);
    if (!fits || ns % second != 0) append_record(records_, "mtime", decimal_seconds(ns));
  }
  void fixed(std::uint32_t mode, char type) {
    block_.octal(f_mode, mode & 07777);
    block_.text(f_type, std::string_view(&type, 1));
    block_.text(f_magic, std::string_view("ustar\00000", f_magic.length));
  }
  /// The records, in a member of their own, and the header.
  void append_to(std::string& out) {
    if (!records_.empty()) {
      // Names that are no UTF-8 stand in the records as they are; this record says so.
      std::string all;
      if (binary_) append_record(all, "hdrcharset", "BINARY");
      all += records_;
      header_block extended;
      extended.text(f_name, "././@PaxHeader");
      for (field f : {f_mode, f_uid, f_gid, f_mtime})
        extended.octal(f, 0);
      extended.octal(f_size, all.size());
      extended.text(f_type, "x");
      extended.text(f_magic, std::string_view("ustar\00000", f_magic.length));
      extended.append_to(out);
      out += all;
      out.append(tar_padding(all.size()), '\0');
    }
    block_.append_to(out);
  }

private:
  header_block block_;
  std::string records_;
  bool binary_ = false;
};

} // namespace

tar_member member_of(const tree_entry& entry) {
  tar_member m;
  switch (entry.type) {
  case tree_entry::kind::file:
    m.type = tar_member::kind::file;
    m.size = entry.size;
    break;
  case tree_entry::kind::directory:
    m.type = tar_member::kind::directory;
    break;
  case tree_entry::kind::symlink:
    m.type = tar_member::kind::symlink;
    m.link_target = entry.link_target;
    break;
  case tree_entry::kind::fifo:
    m.type = tar_member::kind::fifo;
    break;
  }
  m.name = entry.name;
  m.mode = entry.mode;
  m.uid = entry.uid;
  m.gid = entry.gid;
  m.mtime_ns = entry.mtime_ns;
  return m;
}

void append_tar_header(std::string& out, const tar_member& member) {
  header_writer header;
  header.fixed(member.mode, type_flag(member.type));
  if (member.type == tar_member::kind::directory)
    header.text(f_name, "path", member.name + '/');
  else
    header.text(f_name, "path", member.name);
  header.text(f_link, "linkpath", member.link_target);
  header.number(f_uid, "uid", member.uid);
  header.number(f_gid, "gid", member.gid);
  header.number(f_size, "size", member.size);
  header.time(member.mtime_ns);
  header.owner(f_user, "uname", member.user);
  header.owner(f_group, "gname", member.group);
  header.append_to(out);
}

} // namespace wale::archive
