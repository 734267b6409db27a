// Whose objects are whose: two servers may take a backup of the same name, and neither may harm the
// other's.
#include "backup_objects.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/base/wall_clock.hpp>
#include <wale/catalog/catalog.hpp>

#include <algorithm>
#include <chrono>
#include <unistd.h>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.operator.backup";
constexpr std::chrono::minutes age_of_leftovers{10};

failure name_is_taken(std::string detail) {
  return failure(
      kind::refused,
      "a backup of this name exists",
      std::move(detail),
      "On a standby, run CHECKPOINT on the primary first, so that a backup can begin later. A "
      "server that has not been started since a backup needs no other.");
}

bool is_young(const std::vector<store::object_info>& objects) {
  const std::int64_t limit = now_ns() - std::chrono::nanoseconds(age_of_leftovers).count();
  return std::ranges::any_of(
      objects, [&](const store::object_info& o) { return o.modified_ns > limit; });
}

// A damaged one is not known to be ours.
task<bool> has_foreign_metadata(
    io::runtime& rt,
    store::store& archive,
    catalog::backup_name name,
    std::uint64_t system_identifier) {
  try {
    const auto metadata = co_await catalog::load_metadata(rt, archive, name);
    if (!metadata) co_return false;
    co_return metadata->system_identifier != system_identifier || metadata->hostname != host_name();
  } catch (const failure& f) {
    if (f.why() != kind::corrupt) throw;
  }
  co_return true;
}

} // namespace

void backup_objects::done(const store::object_key& key, const store::put_result& result) {
  if (result.what == store::put_result::outcome::stored) {
    sizes_[key.name] = result.bytes;
    return;
  }
  sizes_.erase(key.name);
  throw failure(
      kind::refused,
      "another backup of this name is being taken",
      "Somebody else has stored " + key.name + ".",
      "Take one backup at a time of a primary and its standbys; start this one again later.");
}

task<> backup_objects::write(
    io::runtime& rt,
    store::store& archive,
    store::object_key key,
    std::string content_type,
    std::string content) {
  begin(key);
  const store::put_result result = co_await catalog::write_object(
      rt,
      archive,
      key,
      std::move(content_type),
      std::move(content),
      store::put_condition::create_only);
  done(key, result);
}

task<> backup_objects::write_sentinel(io::runtime& rt, store::store& archive, std::string content) {
  const store::object_key key = catalog::sentinel_key(name_);
  sentinel_ = content;
  const store::put_result result = co_await catalog::write_object(
      rt, archive, key, "application/json", std::move(content), store::put_condition::create_only);
  if (result.what == store::put_result::outcome::stored) co_return;
  sentinel_.reset();
  throw name_is_taken(archive.url(key) + " was written meanwhile.");
}

task<> backup_objects::require_partitions(store::store& archive) const {
  const std::string prefix = catalog::partitions_prefix(name_);
  const std::vector<store::object_info> listed = co_await archive.list(prefix);
  const auto damaged = [&](const std::string& key, const std::string& what) {
    return failure(
        kind::corrupt,
        "the store does not hold the backup as it was written",
        archive.url(store::object_key{key}) + " " + what,
        "Does another server take a backup of the same name? Start this one again.");
  };
  std::map<std::string, std::uint64_t> missing;
  for (const auto& [key, size] : sizes_)
    if (key.starts_with(prefix)) missing[key] = size;
  for (const store::object_info& o : listed) {
    const auto ours = missing.find(o.key.name);
    if (ours == missing.end()) throw damaged(o.key.name, "is not of this backup.");
    if (ours->second != o.size)
      throw damaged(
          o.key.name,
          "has " + std::to_string(o.size) + " bytes, not " + std::to_string(ours->second) + ".");
    missing.erase(ours);
  }
  if (!missing.empty()) throw damaged(missing.begin()->first, "is missing.");
}

task<> backup_objects::remove(io::runtime& rt, store::store& archive) const {
  const store::object_key key = catalog::sentinel_key(name_);
  const std::optional<std::string> listed = co_await catalog::read_object(rt, archive, key);
  if (listed && listed != sentinel_) {
    log::warning(
        logger,
        {"a backup of this name exists, so nothing of the failed one is removed",
         archive.url(key) + " is another's."});
    co_return;
  }
  std::vector<store::object_key> sentinel{key};
  if (listed) co_await archive.remove(std::move(sentinel));
  std::vector<store::object_key> rest;
  for (const auto& [name, size] : sizes_)
    rest.push_back(store::object_key{name});
  co_await archive.remove(std::move(rest));
}

task<> require_free_name(
    io::runtime& rt,
    store::store& archive,
    catalog::backup_name name,
    bool in_recovery,
    std::uint64_t system_identifier) {
  const store::object_key sentinel = catalog::sentinel_key(name);
  const std::vector<store::object_info> existing = co_await archive.list(sentinel.name);
  if (!existing.empty()) throw name_is_taken(archive.url(sentinel) + " is there.");

  const std::string prefix = catalog::contents_prefix(name);
  const std::vector<store::object_info> leftovers = co_await archive.list(prefix);
  if (leftovers.empty()) co_return;
  bool foreign = in_recovery;
  if (!foreign) foreign = co_await has_foreign_metadata(rt, archive, name, system_identifier);
  if (foreign && is_young(leftovers))
    throw failure(
        kind::refused,
        "there are objects of an unfinished backup of this name",
        archive.url(leftovers.front().key) + " and others are younger than 10 minutes.",
        "Another backup of this name seems to run; if not, wait 10 minutes or remove them.");
  std::vector<store::object_key> keys;
  for (const store::object_info& o : leftovers)
    keys.push_back(o.key);
  co_await archive.remove(std::move(keys));
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

} // namespace wale::command
