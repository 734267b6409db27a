// Names of objects, built and recognised.
#include <wale/catalog/layout.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace wale::catalog {
namespace {

constexpr std::string_view sentinel_suffix = "_backup_stop_sentinel.json";
constexpr std::string_view partition_suffix = ".tar.lzo";

bool is_upper_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

store::object_key key_of(std::string name) {
  store::object_key key;
  key.name = std::move(name);
  return key;
}

} // namespace

std::optional<backup_name> backup_name::parse(std::string_view text) {
  if (text.size() != length || !text.starts_with("base_") || text[29] != '_') return std::nullopt;
  if (!is_upper_hex(text.substr(5, 24)) || !is_upper_hex(text.substr(30))) return std::nullopt;
  return backup_name(std::string(text));
}

std::optional<backup_name> backup_name::parse_start(std::string_view text) {
  return parse(text.substr(0, length));
}

backup_name backup_name::make(std::string_view segment, std::uint64_t offset) {
  std::string digits = std::to_string(offset);
  if (digits.size() < 8) digits.insert(0, 8 - digits.size(), '0');
  return backup_name("base_" + std::string(segment) + "_" + digits.substr(0, 8));
}

store::object_key wal_key(std::string_view file_name) {
  return key_of(std::string(wal_directory) + std::string(file_name) + ".lzo");
}

store::object_key sentinel_key(const backup_name& name) {
  return key_of(std::string(backups_directory) + name.text() + std::string(sentinel_suffix));
}

store::object_key version_key(const backup_name& name) {
  return key_of(contents_prefix(name) + "extended_version.txt");
}

store::object_key metadata_key(const backup_name& name) {
  return key_of(contents_prefix(name) + "metadata.json");
}

store::object_key partition_key(const backup_name& name, std::uint32_t number) {
  char file[32];
  std::snprintf(file, sizeof file, "part_%08u.tar.lzo", number);
  return key_of(partitions_prefix(name) + file);
}

std::string contents_prefix(const backup_name& name) {
  return std::string(backups_directory) + name.text() + "/";
}

std::string partitions_prefix(const backup_name& name) {
  return contents_prefix(name) + "tar_partitions/";
}

std::optional<backup_name> sentinel_of(const store::object_key& key) {
  std::string_view text = key.name;
  if (!text.starts_with(backups_directory) || !text.ends_with(sentinel_suffix)) return std::nullopt;
  text.remove_prefix(backups_directory.size());
  text.remove_suffix(sentinel_suffix.size());
  return backup_name::parse(text);
}

std::optional<std::uint32_t>
partition_number(const backup_name& name, const store::object_key& key) {
  std::string_view text = key.name;
  const std::string start = partitions_prefix(name) + "part_";
  if (!text.starts_with(start) || !text.ends_with(partition_suffix)) return std::nullopt;
  text.remove_prefix(start.size());
  text.remove_suffix(partition_suffix.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

} // namespace wale::catalog
