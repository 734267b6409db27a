// WAL-E's patterns: wal_e/storage/base.py and the sweeps in wal_e/worker/base.py of WAL-E 1.1.1.
#include "backup_groups.hpp"

#include <algorithm>
#include <utility>

namespace wale::catalog {
namespace {

constexpr std::size_t segment_length = 24; // hexadecimal digits
constexpr std::string_view sentinel_suffix = "_backup_stop_sentinel.json";

constexpr std::string_view wrong_depth = "to be at an unexpected depth";
constexpr std::string_view no_sentinel = "not to match the base-backup sentinel pattern";
constexpr std::string_view no_version = "not to match the extended-version backup pattern";
constexpr std::string_view no_volume = "not to match the base-backup partition pattern";
constexpr std::string_view no_wal = "not to match the WAL file naming pattern";

bool is_upper_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

// `a/b/c` -> {a, b, c}
std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/')) {
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash + 1);
  }
  parts.push_back(path);
  return parts;
}

// Without the directory at the top, `basebackups_005/` or `wal_005/`.
std::string_view below_top(const store::object_key& key) {
  const std::string_view name = key.name;
  return name.substr(std::min(name.find('/'), name.size() - 1) + 1);
}

class grouping {
public:
  void add(const store::object_info& object) {
    const std::vector<std::string_view> parts = components(below_top(object.key));
    const auto name = backup_name::parse_start(parts[0]);
    if (parts.size() > 3)
      skip(object, wrong_depth);
    else if (parts.size() == 1)
      add_sentinel(object, parts[0], name);
    else if (parts.size() == 2)
      add_file(object, parts, name);
    else if (name && parts[1] == "tar_partitions")
      group_of(parts[0], *name).contents.push_back({object, "a base backup volume"});
    else
      skip(object, no_volume);
    if (name && parts.size() > 1) touch(group_of(parts[0], *name), object);
  }

  grouped_backups take() {
    for (auto& [name, group] : groups_)
      result_.groups.push_back(std::move(group));
    return std::move(result_);
  }

private:
  void add_sentinel(
      const store::object_info& object,
      std::string_view file,
      const std::optional<backup_name>& name) {
    if (!name || !file.substr(backup_name::length).starts_with(sentinel_suffix)) {
      skip(object, no_sentinel);
      return;
    }
    backup_group& group = group_of(name->text(), *name);
    const removal found{object, "a base backup sentinel file"};
    touch(group, object);
    if (file.size() > backup_name::length + sentinel_suffix.size()) {
      group.contents.push_back(found);
      return;
    }
    group.complete = *name;
    group.sentinels = {found};
    group.sentinel_ns = object.modified_ns;
    group.is_sentinel_empty = object.size == 0;
  }

  void add_file(
      const store::object_info& object,
      const std::vector<std::string_view>& parts,
      const std::optional<backup_name>& name) {
    if (name && parts[1] == "extended_version.txt")
      group_of(parts[0], *name).contents.push_back({object, "a extended version metadata file"});
    else if (name && parts[1] == "metadata.json")
      group_of(parts[0], *name).contents.push_back({object, "a base backup metadata file"});
    else
      skip(object, no_version);
  }

  backup_group& group_of(std::string_view directory, const backup_name& name) {
    backup_group& group = groups_[std::string(directory)];
    group.name = directory;
    group.start = *pg::wal_segment::parse(name.segment());
    return group;
  }

  static void touch(backup_group& group, const store::object_info& object) {
    group.newest_ns = std::max(group.newest_ns, object.modified_ns);
  }

  void skip(const store::object_info& object, std::string_view why) {
    result_.skipped.push_back({object.key, why});
  }

  std::map<std::string, backup_group> groups_;
  grouped_backups result_;
};

} // namespace

grouped_backups group_backups(std::span<const store::object_info> listing) {
  grouping g;
  for (const store::object_info& object : listing)
    g.add(object);
  return g.take();
}

wal_key_role role_of_wal_key(const store::object_key& key) {
  using role = wal_key_role::role;
  const std::string_view name = below_top(key);
  if (name.find('/') != name.npos) return {role::odd, {}, wrong_depth};
  if (const auto segment = pg::wal_segment::parse(name.substr(0, segment_length))) {
    const std::string_view rest = name.substr(segment_length);
    // `\.[A-F0-9]{8}.backup.lzo`, whose last dots match anything.
    const bool is_label = rest.size() >= 20 && rest[0] == '.' && is_upper_hex(rest.substr(1, 8)) &&
                          rest.substr(10, 6) == "backup" && rest.substr(17, 3) == "lzo";
    if (rest.starts_with(".lzo")) return {role::segment, *segment, "a wal file"};
    if (is_label) return {role::segment, *segment, "a backup history file"};
    if (rest == ".partial.lzo") return {role::segment, *segment, "a partial wal file"};
  } else if (
      name.size() >= 16 && is_upper_hex(name.substr(0, 8)) &&
      name.substr(8).starts_with(".history")) {
    return {role::history, {}, ""};
  }
  return {role::odd, {}, no_wal};
}

} // namespace wale::catalog
