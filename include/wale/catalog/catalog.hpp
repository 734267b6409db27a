#pragma once
// Which backups an archive holds. A backup exists exactly if its sentinel does.

#include <wale/catalog/layout.hpp>
#include <wale/catalog/sentinel.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>
#include <wale/store/store.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::catalog {

/// One completed backup, as its sentinel's listing shows it.
struct backup {
  backup_name name;
  std::int64_t modified_ns = 0;
  std::string last_modified;
};

/// Completed backups in the order of the listing.
task<std::vector<backup>> list_backups(store::store& archive);

/// What a sentinel or metadata never reaches, in bytes.
constexpr std::size_t small_object_limit = 8 << 20;

/// Reads a small object whole. nullopt if absent; kind::corrupt beyond `limit` bytes.
task<std::optional<std::string>> read_object(
    io::runtime& rt,
    store::store& archive,
    store::object_key key,
    std::size_t limit = small_object_limit);

/// Stores a small object, unless `create_only` is asked for and it exists.
task<store::put_result> write_object(
    io::runtime& rt,
    store::store& archive,
    store::object_key key,
    std::string content_type,
    std::string content,
    store::put_condition condition = store::put_condition::none);

/// Throws kind::corrupt if the object vanished or is none.
task<sentinel> load_sentinel(io::runtime& rt, store::store& archive, backup_name name);
/// nullopt for backups that WAL-E took.
task<std::optional<metadata>>
load_metadata(io::runtime& rt, store::store& archive, backup_name name);
/// The same within a block that the caller has: those who hold the pool may wait for the answer.
task<std::optional<metadata>>
load_metadata(store::store& archive, backup_name name, io::block_budget reading);

/// The completed backups that a query names: one name, or `LATEST`, the one that was taken last: by
/// its metadata's finish time, else by when the store says that its sentinel was modified, also
/// where the metadata is damaged, of which a WARNING tells. Throws kind::configuration, with
/// WAL-E's words for anything else. No match gives an empty list.
task<std::vector<backup>> find_backups(io::runtime& rt, store::store& archive, std::string query);

/// RFC 3339 in UTC with seconds, as metadata has it; and back, in ns since the epoch.
std::string format_time(std::int64_t ns);
std::optional<std::int64_t> parse_time(std::string_view text);

} // namespace wale::catalog
