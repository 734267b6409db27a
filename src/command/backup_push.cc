// backup-push: a base backup of a running server. The sentinel, written last, is the backup; before
// it is written every byte and every segment that a restore needs is in the store.
#include "backup_upload.hpp"
#include "cluster_guard.hpp"
#include "context.hpp"
#include "encryption.hpp"
#include "progress_report.hpp"
#include "wal_proof.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/shield.hpp>
#include <wale/io/task_group.hpp>
#include <wale/pg/backup_session.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/data_dir.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.operator.backup";
constexpr std::chrono::seconds between_pings{10};

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// As WAL-E labels its backups: UTC, ISO, microseconds.
std::string backup_label() {
  const std::int64_t ns = now_ns();
  const std::time_t seconds = ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  char text[64];
  std::snprintf(
      text,
      sizeof text,
      "freeze_start_%s.%06d+00:00",
      date,
      static_cast<int>(ns / 1000 % 1'000'000));
  return text;
}

std::string digits8(std::uint32_t n) {
  const std::string digits = std::to_string(n);
  return digits.size() < 8 ? std::string(8 - digits.size(), '0') + digits : digits.substr(0, 8);
}

bool wants_fast_checkpoint(const command_line& line) {
  const std::string& value = line.options.at("checkpoint");
  if (value != "fast" && value != "spread")
    throw failure(
        kind::usage,
        "the command line was not understood",
        "--checkpoint is \"spread\" or \"fast\", not \"" + value + "\"");
  return value == "fast";
}

std::optional<std::uint64_t> read_rate_limit(const command_line& line) {
  constexpr const char* option = "cluster-read-rate-limit";
  if (!line.has(option)) return std::nullopt;
  return line.number(option, 1, 1'000'000'000'000);
}

void require_archiving(const pg::server_facts& facts, const command_line& line) {
  for (const explanation& missing : facts.missing)
    log::warning(logger, missing);
  if (facts.is_archiving() || line.has("no-archive-check")) return;
  throw failure(
      kind::refused,
      "the server does not archive its WAL, without which the backup is worthless",
      "archive_mode is \"" + facts.archive_mode + "\", archive_command \"" + facts.archive_command +
          "\".",
      "Set archive_mode = on and archive_command = 'envdir /etc/wal-e.d/env wal-e wal-push %p', or "
      "pass --no-archive-check if something else brings the WAL into this archive.");
}

// A backup under way: what is known by now, for the last steps and for cleaning up.
struct backup {
  backup_objects objects;
  pg::backup_start start;
  std::int64_t began_ns = 0;
  pg::data_dir_plan plan = {};
  upload_totals totals = {};
  std::uint64_t expanded_size = 0;
  // A ping in flight when the upload ends must end by itself: cancelling it would close the
  // session.
  bool uploaded = false;
  bool pinging = false;
};

class pushing_a_backup {
public:
  pushing_a_backup(
      context c,
      pg::cluster_directory cluster,
      std::uint64_t system_identifier,
      pg::backup_session& session)
      : c_(c), cluster_(std::move(cluster)), system_identifier_(system_identifier),
        session_(session) {}

  task<> operator()() {
    const bool fast = wants_fast_checkpoint(c_.line);
    const std::int64_t began = now_ns();
    std::string label = backup_label();
    const pg::backup_start start = co_await session_.begin(std::move(label), fast);
    const auto name = catalog::backup_name::make(start.segment.name(), start.offset);
    // A standby without a restartpoint since the last backup gives the same name again, and the one
    // that its primary gives at this moment.
    co_await require_free_name(
        c_.rt, c_.archive, name, session_.facts().in_recovery, system_identifier_);
    backup b{backup_objects(name), start, began};

    std::exception_ptr error;
    try {
      co_await take(b);
    } catch (...) {
      error = std::current_exception();
    }
    if (!error) co_return;
    // The rest must happen although this may be the end by a signal.
    co_await io::shield(discard(b));
    std::rethrow_exception(error);
  }

private:
  task<> take(backup& b) {
    co_await store_version(b.objects);
    const std::optional<std::string> log_directory = session_.facts().log_directory;
    auto scan = [&] { return pg::scan_data_directory(cluster_, log_directory); };
    b.plan = co_await c_.rt.offload(scan);
    for (const explanation& w : b.plan.warnings)
      log::warning(logger, w);

    co_await upload_while_pinging(b);
    co_await finish(b);
  }

  task<> store_version(backup_objects& objects) {
    const store::object_key key = catalog::version_key(objects.name());
    log::info(
        logger,
        {"start upload postgres version metadata", "Uploading to " + c_.archive.url(key) + "."});
    co_await objects.write(c_.rt, c_.archive, key, "text/plain", session_.facts().version_text);
    log::info(logger, {"postgres version metadata upload complete"});
  }

  task<> ping_regularly(backup& b) {
    while (true) {
      co_await c_.rt.sleep(between_pings);
      if (b.uploaded) co_return;
      b.pinging = true;
      co_await session_.ping();
      b.pinging = false;
      if (b.uploaded) co_return;
    }
  }

  task<> read_cluster(backup& b, cluster_reading& reading) {
    const std::size_t at_once = c_.line.number("pool-size", 1);
    b.totals = co_await upload_partitions(
        c_.rt, c_.archive, b.objects, b.plan.entries, at_once, reading, b.expanded_size);
  }

  task<> upload(backup& b, io::task_group& group) {
    cluster_reading reading(c_.rt, read_rate_limit(c_.line));
    progress_style style = progress_style_here("backup-push");
    task<> work = read_cluster(b, reading);
    co_await with_progress(c_.rt, reading.meter(), std::move(style), std::move(work));
    b.uploaded = true;
    if (!b.pinging) group.cancel();
  }

  task<> upload_while_pinging(backup& b) {
    io::task_group group(c_.rt.context().get_executor());
    group.spawn(upload(b, group));
    group.spawn(ping_regularly(b));
    co_await group.join();
    if (b.totals.vanished > 0)
      log::info(
          logger,
          {"some files were removed by the server while they were to be read",
           std::to_string(b.totals.vanished) + " files; their removal is in the WAL."});
  }

  // pg_control is read before the stop: what it says about recovery must lie within the WAL that
  // the stop makes needed.
  task<> finish(backup& b) {
    auto read_control = [&] { return pg::read_control_file(cluster_.path); };
    pg::control_image control = co_await c_.rt.offload(read_control);
    const std::chrono::seconds patience(c_.line.number("archive-timeout", 0));
    pg::backup_stop stop;
    co_await stop_in_time(stop, patience);

    std::vector<archive::memory_member> members =
        last_members(b.plan.entries.front(), control, stop);
    for (const archive::memory_member& m : members)
      b.expanded_size += m.bytes.size();
    const std::uint32_t number = b.totals.partitions++;
    b.totals.compressed +=
        co_await upload_last_partition(c_.rt, c_.archive, b.objects, number, std::move(members));

    const needed_wal needed = wal_needed(b, stop, control.data);
    const bool is_before_10 = cluster_.version.starts_with("9.");
    std::string pg_wal = cluster_.path + (is_before_10 ? "/pg_xlog" : "/pg_wal");
    co_await wait_for_wal(c_, session_, needed, std::move(pg_wal), patience);
    co_await publish(b, stop, control.data);
  }

  task<> stop_session(pg::backup_stop& stop) { stop = co_await session_.stop(); }

  // 9.6 cannot be told not to wait for its archiver, and waits forever.
  task<> stop_in_time(pg::backup_stop& stop, std::chrono::seconds patience) {
    task<> stopping = stop_session(stop);
    if (session_.facts().version >= 100000) {
      co_await std::move(stopping);
      co_return;
    }
    std::string doing =
        "pg_stop_backup, which waits in PostgreSQL 9.6 until the server has archived the backup's "
        "WAL,";
    try {
      co_await io::within(c_.rt, patience, std::move(doing), std::move(stopping));
    } catch (const failure& f) {
      if (f.why() != kind::unavailable || !f.text().hint.empty()) throw;
      throw f.with_hint(
          "Look into the server's log for the archive_command, or raise --archive-timeout.");
    }
  }

  static std::vector<archive::memory_member> last_members(
      const tree_entry& root, const pg::control_image& control, const pg::backup_stop& stop) {
    const std::int64_t mtime = now_ns();
    const auto member = [&](std::string name, std::string bytes) {
      archive::memory_member m;
      m.name = std::move(name);
      m.bytes = std::move(bytes);
      m.mtime_ns = mtime;
      m.uid = root.uid;
      m.gid = root.gid;
      return m;
    };
    std::vector<archive::memory_member> members;
    members.push_back(member("backup_label", stop.backup_label));
    if (!stop.tablespace_map.empty())
      members.push_back(member("tablespace_map", stop.tablespace_map));
    const auto* bytes = reinterpret_cast<const char*>(control.bytes.data());
    members.push_back(member("global/pg_control", std::string(bytes, control.bytes.size())));
    return members;
  }

  needed_wal
  wal_needed(const backup& b, const pg::backup_stop& stop, const pg::control_data& control) const {
    needed_wal needed{b.start.segment, stop.segment, session_.facts().wal_segment_size};
    needed.system_identifier = system_identifier_;
    needed.on_standby = session_.facts().in_recovery;
    if (needed.on_standby && control.min_recovery_point > stop.position)
      needed.last = pg::wal_segment::before(control.min_recovery_point, stop.tli, needed.size);
    return needed;
  }

  task<> publish(backup& b, const pg::backup_stop& stop, const pg::control_data& control) {
    catalog::metadata m;
    m.start_time = catalog::format_time(b.began_ns);
    m.finish_time = catalog::format_time(now_ns());
    m.hostname = host_name();
    m.data_dir = cluster_.path;
    m.pg_version = session_.facts().version;
    m.start_lsn = b.start.position.value;
    m.finish_lsn = stop.position.value;
    m.system_identifier = control.system_identifier;
    m.uncompressed_size = b.expanded_size;
    m.compressed_size = b.totals.compressed;
    const store::object_key metadata_key = catalog::metadata_key(b.objects.name());
    std::string metadata = catalog::write_metadata(m);
    co_await b.objects.write(
        c_.rt, c_.archive, metadata_key, "application/json", std::move(metadata));

    catalog::sentinel s;
    s.wal_segment_backup_stop = stop.segment.name();
    s.wal_segment_offset_backup_stop = digits8(stop.offset);
    s.expanded_size_bytes = b.expanded_size;
    s.base_prefix = cluster_.path + "/";
    for (const pg::tablespace& t : b.plan.tablespaces)
      s.tablespaces.push_back(catalog::tablespace{t.oid, t.location, t.link});
    s.partitions = b.totals.partitions;
    std::string sentinel = catalog::write_sentinel(s);
    co_await session_.ping();
    co_await b.objects.require_partitions(c_.archive);
    co_await b.objects.write_sentinel(c_.rt, c_.archive, std::move(sentinel));
  }

  task<> discard(const backup& b) {
    session_.close();
    try {
      co_await b.objects.remove(c_.rt, c_.archive);
    } catch (const failure& f) {
      log::warning(
          logger,
          {"the objects of the failed backup could not be removed",
           f.text().msg + ": " + f.text().detail,
           "They are not listed; the next backup or delete sweeps them."});
    }
  }

  context c_;
  pg::cluster_directory cluster_;
  std::uint64_t system_identifier_;
  pg::backup_session& session_;
};

} // namespace

task<int> backup_push(context c) {
  wants_fast_checkpoint(c.line);
  read_rate_limit(c.line);
  c.line.number("pool-size", 1);
  c.line.number("archive-timeout", 0);
  const std::string directory = c.line.operands.at(0);
  co_await require_usable_key(c.rt);
  auto find = [&] { return pg::find_cluster(directory); };
  const pg::cluster_directory cluster = co_await c.rt.offload(find);
  auto read_control = [&] { return pg::read_control_file(cluster.path); };
  const pg::control_image control = co_await c.rt.offload(read_control);

  pg::backup_session session = co_await pg::backup_session::open(c.rt);
  auto compare = [&] { pg::require_same_cluster(cluster.path, control.data, session.facts()); };
  co_await c.rt.offload(compare);
  co_await session.lock();
  require_archiving(session.facts(), c.line);
  co_await c.archive.prepare();
  const std::uint64_t system_identifier = control.data.system_identifier;
  co_await require_cluster_of_archive(c.rt, c.archive, system_identifier);

  pushing_a_backup push(c, cluster, system_identifier, session);
  co_await push();
  co_return 0;
}

} // namespace wale::command
