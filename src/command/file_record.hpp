#pragma once
// What is remembered in pg_wal/.wal-e about one file: which file exactly it was, of which archive,
// and the digest of its bytes. docs/format.md "On the database host". The text is pure; reading and
// writing never throw, as no record is as good as a lost one.

#include <wale/base/digest.hpp>
#include <wale/command/command_line.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace wale::command {

/// Which file behind a name: another one, or the same one after a change, differs.
struct file_identity {
  std::uint64_t size = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;

  static file_identity of(const struct stat& s) noexcept;
  /// nullopt if it is no ordinary file or cannot be looked at. Links are not followed.
  static std::optional<file_identity> of(const std::string& path) noexcept;
  friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// Which archive the settings name: the prefix URL, and whatever else decides where its objects go
/// and how they are stored (endpoint, account, key to encrypt for). One line of text.
std::string archive_identity(const option_values& global, const std::string& prefix_url);

struct file_record {
  std::string purpose; ///< one word
  std::string archive; ///< archive_identity()
  std::string name;
  file_identity file;
  std::uint64_t system_identifier = 0;
  sha256_value digest{}; ///< of the plain bytes

  friend bool operator==(const file_record&, const file_record&) = default;
};

std::string to_text(const file_record& r);
/// nullopt for anything but a whole record: its last line is a sum of those before it.
std::optional<file_record> parse_file_record(std::string_view text);

/// Sixteen hexadecimal digits by which the texts of different archives differ.
std::string short_sum(std::string_view text);

std::optional<file_record> read_file_record(const std::string& path) noexcept;
/// Under another name first, so that it appears whole. False if it could not be written. It is not
/// made durable: what a crash of the machine leaves of it is whole, or does not parse.
bool write_file_record(const std::string& path, const file_record& r) noexcept;

} // namespace wale::command
