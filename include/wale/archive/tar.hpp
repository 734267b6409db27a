#pragma once
// The tar format, both ways, as bytes: no files, no coroutines.
//
// Written is what Python's tarfile writes since 3.8 and WAL-E therefore stored: POSIX ustar
// headers, each preceded by a pax extended header (`x`, named `././@PaxHeader`) where ustar cannot
// hold a value exactly. Read is that, pax global headers, GNU tar's dialects and the headers of
// Unix v7. Read bytes are hostile: every length is bounded before anything is allocated for it.
//
// Source of the constants: POSIX.1-2018, pax, "ustar Interchange Format" and "pax Header Block";
// GNU tar 1.34 manual, "Basic Tar Format".

#include <wale/base/tree_entry.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace wale::archive {

/// Headers and bodies start at multiples of this many bytes.
inline constexpr std::size_t tar_unit = 512;
/// A whole archive is a multiple of this many bytes (20 units, tar's historical record).
inline constexpr std::size_t tar_record = 10'240;

struct tar_member {
  enum class kind : std::uint8_t { file, directory, symlink, hard_link, fifo, device };

  kind type = kind::file;
  std::string name;        ///< without the slash at the end of a directory; empty for the root
  std::string link_target; ///< symlinks: as stored; hard links: name of an earlier member
  std::uint64_t size = 0;  ///< bytes of body; 0 for everything but files
  std::uint32_t mode = 0;  ///< the lower twelve bits
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::string user;  ///< may be empty
  std::string group; ///< may be empty
  std::int64_t mtime_ns = 0;
};

/// The member for an entry of a tree; user and group are left empty.
tar_member member_of(const tree_entry& entry);

/// Appends the header of `member`: 512 bytes, or 1,536 and more with extended records. Names are
/// bytes, not characters: those that are no UTF-8 are written as they are.
void append_tar_header(std::string& out, const tar_member& member);

/// NULs between the end of a body and the next header.
constexpr std::size_t tar_padding(std::uint64_t size) {
  return static_cast<std::size_t>((tar_unit - size % tar_unit) % tar_unit);
}

/// NULs that end an archive whose last member ends at `position`: at least two units, and as many
/// as make the whole a multiple of tar_record.
constexpr std::size_t tar_end_size(std::uint64_t position) {
  const std::uint64_t least = position + 2 * tar_unit;
  return static_cast<std::size_t>((least + tar_record - 1) / tar_record * tar_record - position);
}

/// An incremental parser: takes bytes cut anywhere, gives members and views of their bodies.
///
/// Throws failure: kind::corrupt for what is no tar archive, ends early or goes on after its end,
/// kind::refused for what is one but is not for us (sparse members, multi-volume parts, unknown
/// types). After a throw the reader is spent.
class tar_reader {
public:
  enum class event {
    need_more, ///< `input` is used up
    member,    ///< member() is a new member; its body follows if it has one
    body,      ///< body() is the next part of the member's body, never empty
    end,       ///< the archive's end was seen and `input` is used up; more input may only be NULs
  };

  /// Advances to the next event, removing from the front of `input` what was used. Views given
  /// by body() point into `input`'s bytes.
  event next(std::span<const std::byte>& input);

  /// Valid until the next call of next() that gives a member.
  const tar_member& member() const noexcept { return member_; }
  std::span<const std::byte> body() const noexcept { return body_; }
  /// Bytes of the current member's body still to come.
  std::uint64_t body_left() const noexcept { return body_left_; }

  /// To be called after the last input: throws kind::corrupt unless the archive's end was seen.
  void finish() const;

private:
  enum class state { header, extension, body, padding, done };
  enum class extension { pax_next, pax_global, long_name, long_link };
  /// Values that override those of the next header, or of all following ones.
  using records = std::map<std::string, std::string, std::less<>>;

  bool gather(std::span<const std::byte>& input, std::size_t wanted);
  bool skip_padding(std::span<const std::byte>& input);
  void take_header();
  void take_zeros();
  void begin_extension(extension what);
  void end_extension();
  void take_pax_records(records& into);
  void take_pax_record(records& into, std::string_view key, std::string_view value);
  void begin_member(char type);
  void take_type(char type);
  void take_fields();
  void apply_records();
  const std::string* record(std::string_view key) const;
  std::uint64_t number(std::size_t offset, std::size_t length, const char* what) const;
  std::string_view text(std::size_t offset, std::size_t length) const;
  [[noreturn]] void fail(std::string_view what) const;

  state state_ = state::header;
  extension extension_ = extension::pax_next;
  std::string gathered_; ///< a header, or the body of an extension, as far as it has come
  std::size_t extension_size_ = 0;
  std::uint64_t position_ = 0; ///< bytes taken
  std::size_t padding_left_ = 0;
  std::uint64_t body_left_ = 0;
  bool zero_seen_ = false;
  bool extended_ = false; ///< an extension waits for its member
  bool member_ready_ = false;
  records global_;
  records next_;
  std::string long_name_;
  std::string long_link_;
  tar_member member_;
  std::span<const std::byte> body_;
};

} // namespace wale::archive
