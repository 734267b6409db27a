// One listing of each directory, then one small object for each backup and timeline.
#include "archive_contents.hpp"

#include <wale/archive/gpg.hpp>
#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/base/wall_clock.hpp>
#include <wale/catalog/catalog.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.worker.base";
constexpr std::string_view history_suffix = ".history.lzo";
constexpr std::size_t longest_history = 1 << 20;

struct collecting {
  std::string& text;

  task<> operator()(io::source& body) {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) co_return;
      text.append(reinterpret_cast<const char*>(b.bytes().data()), b.size());
      if (text.size() > longest_history)
        throw failure(kind::corrupt, "a stored WAL file is damaged", "It is no history file.");
    }
  }
};

// A history file as PostgreSQL archived it; empty if it is gone meanwhile.
task<std::string> read_history(context c, store::object_key key) {
  std::string text;
  io::block_budget outputs = co_await c.rt.blocks().reserve(8 + archive::gpg_blocks);
  io::block_budget reading = outputs.split(4);
  io::block_budget decrypting = outputs.split(archive::gpg_blocks);
  std::unique_ptr<io::source> object = co_await c.archive.get(key, std::move(reading));
  if (!object) co_return text;
  auto compressed = std::make_unique<archive::gpg_decryptor>(
      c.rt, std::move(object), std::move(decrypting), c.archive.url(key));
  const archive::gpg_decryptor& decryptor = *compressed;
  archive::lzop_decompressor plain(c.rt, std::move(compressed), std::move(outputs));
  collecting collect{text};
  try {
    co_await io::with_source(plain, collect);
  } catch (const failure& f) {
    // Whatever keeps gpg from it, a locked key or no home: who deletes need not be able to restore.
    if (f.why() != kind::unavailable || !decryptor.is_encrypted()) throw;
    throw failure(kind::configuration, f.text().msg, f.text().detail, f.text().hint);
  }
  co_return text;
}

void warn_of_damage(const std::string& url, const failure& f, std::string consequence) {
  const explanation& seen = f.text();
  log::warning(
      logger,
      {"an object of the archive cannot be read",
       url + ": " + (seen.detail.empty() ? seen.msg : seen.detail),
       std::move(consequence)});
}

// The timeline whose history file this key is.
std::optional<pg::timeline> history_of(const store::object_key& key) {
  std::string_view name = key.name;
  if (!name.starts_with(catalog::wal_directory) || !name.ends_with(history_suffix))
    return std::nullopt;
  name.remove_prefix(catalog::wal_directory.size());
  name.remove_suffix(std::string_view(".lzo").size());
  if (name.size() != 16) return std::nullopt;
  return pg::wal_name::parse(name).tli;
}

task<> read_histories(context c, catalog::archive_contents& archive) {
  for (const store::object_info& object : archive.wal) {
    const auto tli = history_of(object.key);
    if (!tli) continue;
    try {
      const std::string text = co_await read_history(c, object.key);
      archive.histories[*tli] = pg::parse_timeline_history(text);
    } catch (const failure& f) {
      // Encrypted ones cannot be read where the key is not.
      if (f.why() != kind::corrupt && f.why() != kind::configuration) throw;
      warn_of_damage(
          c.archive.url(object.key),
          f,
          "Timeline " + pg::to_hex(*tli) + " counts as a descendant of all others: its WAL stays.");
    }
  }
}

task<> read_facts(context c, catalog::archive_contents& archive) {
  std::map<catalog::backup_name, std::int64_t> complete;
  std::set<std::string> keys;
  for (const store::object_info& object : archive.backups) {
    keys.insert(object.key.name);
    if (const auto name = catalog::sentinel_of(object.key)) complete[*name] = object.modified_ns;
  }
  for (const auto& [name, modified_ns] : complete) {
    const store::object_key key = catalog::metadata_key(name);
    if (!keys.contains(key.name)) continue; // WAL-E's have none
    try {
      const auto metadata = co_await catalog::load_metadata(c.rt, c.archive, name);
      if (!metadata) continue;
      catalog::backup_facts facts;
      facts.taken_ns = catalog::parse_time(metadata->finish_time).value_or(modified_ns);
      if (metadata->system_identifier != 0) facts.system_identifier = metadata->system_identifier;
      archive.facts[name] = facts;
    } catch (const failure& f) {
      if (f.why() != kind::corrupt) throw;
      warn_of_damage(
          c.archive.url(key),
          f,
          "The time of the backup's sentinel is used instead. Restore or remove the object.");
    }
  }
}

} // namespace

task<catalog::archive_contents> look_at_archive(context c, std::chrono::seconds grace) {
  catalog::archive_contents archive;
  archive.now_ns = now_ns();
  archive.grace_ns = std::chrono::nanoseconds(grace).count();
  const std::string wal(catalog::wal_directory);
  const std::string backups(catalog::backups_directory);
  // The backups last: one that begins meanwhile is seen, with all WAL that was there before it.
  archive.wal = co_await c.archive.list(wal);
  archive.backups = co_await c.archive.list(backups);
  co_await read_facts(c, archive);
  co_await read_histories(c, archive);
  co_return archive;
}

task<> require_still_unfinished(
    context c, const catalog::archive_contents& archive, const catalog::retention_plan& plan) {
  std::set<std::string> names;
  for (const catalog::verdict& v : plan.backups)
    if (!v.kept && !v.complete) names.insert(v.name);
  if (names.empty()) co_return;

  std::map<std::string, std::int64_t> known;
  for (const store::object_info& object : archive.backups)
    known[object.key.name] = object.modified_ns;
  const std::string prefix(catalog::backups_directory);
  const std::vector<store::object_info> listed = co_await c.archive.list(prefix);
  for (const store::object_info& object : listed) {
    const std::string name = object.key.name.substr(
        prefix.size(), object.key.name.find('/', prefix.size()) - prefix.size());
    const auto sentinel = catalog::sentinel_of(object.key);
    if (!names.contains(sentinel ? sentinel->text() : name)) continue;
    const auto before = known.find(object.key.name);
    if (before != known.end() && before->second == object.modified_ns) continue;
    throw failure(
        kind::refused,
        "an unfinished backup is being written",
        c.archive.url(object.key) + " has just changed.",
        "Nothing was removed. Run it again.");
  }
}

} // namespace wale::command
