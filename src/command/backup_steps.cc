// The log records are WAL-E's.
#include "backup_steps.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/base/wall_clock.hpp>
#include <wale/catalog/catalog.hpp>

#include <chrono>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.operator.backup";

std::string digits8(std::uint32_t n) {
  const std::string digits = std::to_string(n);
  return digits.size() < 8 ? std::string(8 - digits.size(), '0') + digits : digits.substr(0, 8);
}

catalog::metadata metadata_of(const finished_backup& facts) {
  catalog::metadata m;
  m.start_time = catalog::format_time(facts.began_ns);
  m.finish_time = catalog::format_time(now_ns());
  m.hostname = host_name();
  m.data_dir = facts.cluster.path;
  m.pg_version = facts.server_version;
  m.start_lsn = facts.start.value;
  m.finish_lsn = facts.stop.value;
  m.system_identifier = facts.system_identifier;
  m.uncompressed_size = facts.totals.expanded;
  m.compressed_size = facts.totals.compressed;
  return m;
}

} // namespace

std::optional<std::uint64_t> read_rate_limit(const command_line& line) {
  constexpr const char* option = "cluster-read-rate-limit";
  if (!line.has(option)) return std::nullopt;
  return line.number(option, 1, 1'000'000'000'000);
}

archive::memory_member member_like(const tree_entry& root, std::string name, std::string bytes) {
  archive::memory_member m;
  m.name = std::move(name);
  m.bytes = std::move(bytes);
  m.mtime_ns = now_ns();
  // As PostgreSQL makes files: the group reads where it may read the directory.
  m.mode = (root.mode & 0040) != 0 ? 0640 : 0600;
  m.uid = root.uid;
  m.gid = root.gid;
  return m;
}

task<> store_version(context c, backup_objects& objects, std::string text) {
  const store::object_key key = catalog::version_key(objects.name());
  log::info(
      logger,
      {"start upload postgres version metadata", "Uploading to " + c.archive.url(key) + "."});
  co_await objects.write(c.rt, c.archive, key, "text/plain", std::move(text));
  log::info(logger, {"postgres version metadata upload complete"});
}

task<> store_metadata(context c, backup_objects& objects, const finished_backup& facts) {
  const store::object_key key = catalog::metadata_key(objects.name());
  std::string metadata = catalog::write_metadata(metadata_of(facts));
  co_await objects.write(c.rt, c.archive, key, "application/json", std::move(metadata));
}

std::string sentinel_text(const finished_backup& facts) {
  catalog::sentinel s;
  s.wal_segment_backup_stop = facts.stop_segment.name();
  s.wal_segment_offset_backup_stop = digits8(facts.stop_offset);
  s.expanded_size_bytes = facts.totals.expanded;
  s.base_prefix = facts.cluster.path + "/";
  s.tablespaces = facts.tablespaces;
  s.partitions = facts.totals.partitions;
  return catalog::write_sentinel(s);
}

task<> discard_objects(context c, const backup_objects& objects) {
  try {
    co_await objects.remove(c.rt, c.archive);
  } catch (const failure& f) {
    log::warning(
        logger,
        {"the objects of the failed backup could not be removed",
         f.text().msg + ": " + f.text().detail,
         "They are not listed; the next backup or delete sweeps them."});
  }
}

} // namespace wale::command
