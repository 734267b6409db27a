#pragma once
// Where everything lies below a prefix: WAL-E's storage format 005 (docs/format.md "Layout").
// Pure. Reading is exact about names, with one exception: volume numbers may have any width.

#include <wale/store/store.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wale::catalog {

/// `base_<SEG>_<OFF>`: 24 upper-case hexadecimal digits, then 8 of [0-9A-F] that are opaque when
/// read (WAL-E wrote odd ones) and the decimal offset within the segment when written.
class backup_name {
public:
  static constexpr std::size_t length = 38;

  static std::optional<backup_name> parse(std::string_view text);
  /// The name that `text` begins with: what stands on a command line, WAL-E takes so.
  static std::optional<backup_name> parse_start(std::string_view text);
  /// `segment` is a valid segment name; of an offset beyond 8 digits the first 8 are kept, as
  /// WAL-E's lpad does.
  static backup_name make(std::string_view segment, std::uint64_t offset);

  const std::string& text() const noexcept { return text_; }
  std::string segment() const { return text_.substr(5, 24); }
  std::string offset() const { return text_.substr(30, 8); }
  auto operator<=>(const backup_name&) const = default;

private:
  explicit backup_name(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

inline constexpr std::string_view backups_directory = "basebackups_005/";
inline constexpr std::string_view wal_directory = "wal_005/";

/// `wal_005/NAME.lzo`.
store::object_key wal_key(std::string_view file_name);
/// `basebackups_005/NAME_backup_stop_sentinel.json`: its presence is the backup.
store::object_key sentinel_key(const backup_name& name);
/// `basebackups_005/NAME/extended_version.txt`.
store::object_key version_key(const backup_name& name);
/// `basebackups_005/NAME/metadata.json`.
store::object_key metadata_key(const backup_name& name);
/// `basebackups_005/NAME/tar_partitions/part_00000000.tar.lzo`.
store::object_key partition_key(const backup_name& name, std::uint32_t number);
/// `basebackups_005/NAME/`, under which everything of a backup but its sentinel lies.
std::string contents_prefix(const backup_name& name);
/// `basebackups_005/NAME/tar_partitions/`.
std::string partitions_prefix(const backup_name& name);

/// The backup whose sentinel this key is.
std::optional<backup_name> sentinel_of(const store::object_key& key);
/// The number of a partition of `name`, or nullopt for any other key.
std::optional<std::uint32_t>
partition_number(const backup_name& name, const store::object_key& key);

} // namespace wale::catalog
