#pragma once
// Whose objects are whose, in a store that two servers may back up to under the same name.

#include <wale/catalog/layout.hpp>
#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace wale::command {

/// What one run of backup-push has stored. All of it is stored create-only, so that no object of
/// another backup of this name, which a standby and its primary can take at the same time, is
/// replaced, and only what is ours is removed.
class backup_objects {
public:
  explicit backup_objects(catalog::backup_name name) : name_(std::move(name)) {}
  const catalog::backup_name& name() const { return name_; }

  /// Around each put. done() throws kind::refused if the key was taken.
  void begin(const store::object_key& key) { sizes_[key.name] = 0; }
  void done(const store::object_key& key, const store::put_result& result);

  /// Stores a small object of the backup.
  task<> write(
      io::runtime& rt,
      store::store& archive,
      store::object_key key,
      std::string content_type,
      std::string content);
  /// The last of all: from then on the backup exists. Throws kind::refused if one of this name
  /// does.
  task<> write_sentinel(io::runtime& rt, store::store& archive, std::string content);

  /// Throws kind::corrupt unless the store lists exactly our partitions, with our sizes.
  task<> require_partitions(store::store& archive) const;

  /// Removes what is ours; a sentinel that we may have written before the rest, and if that fails
  /// nothing else. Nothing at all is removed while another's sentinel is there.
  task<> remove(io::runtime& rt, store::store& archive) const;

private:
  catalog::backup_name name_;
  std::map<std::string, std::uint64_t> sizes_; ///< by key
  std::optional<std::string> sentinel_;        ///< if it was tried to store it
};

/// Makes room for a backup that begins: removes what a killed one of this name has left. Throws
/// kind::refused if there is a backup of this name, or if the objects may be of one that runs on
/// another server: they are younger than 10 minutes, and this server is a standby (`in_recovery`)
/// or their metadata is of another cluster than `system_identifier` or of another host.
task<> require_free_name(
    io::runtime& rt,
    store::store& archive,
    catalog::backup_name name,
    bool in_recovery,
    std::uint64_t system_identifier);

std::string host_name();

} // namespace wale::command
