// backup-push: a base backup of a running server, and the door to that of a stopped one. The
// sentinel, written last, is the backup; before it is written every byte and every segment that a
// restore needs is in the store.
#include "backup_steps.hpp"
#include "backup_upload.hpp"
#include "cluster_guard.hpp"
#include "context.hpp"
#include "encryption.hpp"
#include "offline_backup.hpp"
#include "progress_report.hpp"
#include "wal_proof.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/base/wall_clock.hpp>
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

bool wants_fast_checkpoint(const command_line& line) {
  const std::string& value = line.options.at("checkpoint");
  if (value != "fast" && value != "spread")
    throw failure(
        kind::usage,
        "the command line was not understood",
        "--checkpoint is \"spread\" or \"fast\", not \"" + value + "\"");
  return value == "fast";
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
    co_await require_timeline(start.tli);
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
  // Above a standby a promotion may happen that is none of its own. Pages of the new timeline on
  // its disk make WAL of that one needed, while the WAL proven here bears the name of the old one.
  task<> require_timeline(pg::timeline begun_on) {
    if (!session_.facts().in_recovery) co_return;
    auto read_control = [&] { return pg::read_control_file(cluster_.path); };
    const pg::control_image control = co_await c_.rt.offload(read_control);
    const pg::timeline now = control.data.min_recovery_tli;
    if (control.data.min_recovery_point.value == 0 || now == begun_on) co_return;
    throw failure(
        kind::unavailable,
        "the backup is void",
        "The standby has followed its primary from timeline " + pg::to_hex(begun_on) + " to " +
            pg::to_hex(now) + ".",
        "Run CHECKPOINT on the primary, and when the standby has replayed it, start the backup "
        "again.");
  }

  task<> take(backup& b) {
    std::string version = session_.facts().version_text;
    co_await store_version(c_, b.objects, std::move(version));
    const std::optional<std::string> log_directory = session_.facts().log_directory;
    auto scan = [&] { return pg::scan_data_directory(cluster_, log_directory); };
    b.plan = co_await c_.rt.offload(scan);
    for (const explanation& w : b.plan.warnings)
      log::warning(logger, w);

    co_await upload_while_pinging(b);
    co_await finish(b);
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
    b.totals = co_await upload_partitions(c_, b.objects, b.plan.entries, at_once, reading);
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
    co_await require_timeline(b.start.tli);

    archive::pack_plan last;
    last.tail = last_members(b.plan.entries.front(), control, stop);
    for (const archive::memory_member& m : last.tail)
      b.totals.expanded += m.bytes.size();
    const std::uint32_t number = b.totals.partitions++;
    b.totals.compressed += co_await upload_last_partition(c_, b.objects, number, std::move(last));

    const wal_range needed = wal_needed(b, stop, control.data);
    std::string pg_wal = cluster_.path + "/" + pg::wal_directory_name(cluster_);
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
    std::vector<archive::memory_member> members;
    members.push_back(member_like(root, "backup_label", stop.backup_label));
    if (!stop.tablespace_map.empty())
      members.push_back(member_like(root, "tablespace_map", stop.tablespace_map));
    const auto* bytes = reinterpret_cast<const char*>(control.bytes.data());
    members.push_back(
        member_like(root, "global/pg_control", std::string(bytes, control.bytes.size())));
    return members;
  }

  wal_range
  wal_needed(const backup& b, const pg::backup_stop& stop, const pg::control_data& control) const {
    wal_range needed{b.start.segment, stop.segment, session_.facts().wal_segment_size};
    needed.system_identifier = system_identifier_;
    needed.on_standby = session_.facts().in_recovery;
    if (needed.on_standby && control.min_recovery_point > stop.position)
      needed.last = pg::wal_segment::before(control.min_recovery_point, stop.tli, needed.size);
    return needed;
  }

  task<> publish(backup& b, const pg::backup_stop& stop, const pg::control_data& control) {
    finished_backup facts;
    facts.cluster = cluster_;
    facts.tablespaces = b.plan.tablespaces;
    facts.began_ns = b.began_ns;
    facts.server_version = session_.facts().version;
    facts.system_identifier = control.system_identifier;
    facts.start = b.start.position;
    facts.stop = stop.position;
    facts.stop_segment = stop.segment;
    facts.stop_offset = stop.offset;
    facts.totals = b.totals;
    co_await store_metadata(c_, b.objects, facts);
    std::string sentinel = sentinel_text(facts);
    co_await session_.ping();
    co_await b.objects.require_partitions(c_.archive);
    co_await b.objects.write_sentinel(c_.rt, c_.archive, std::move(sentinel));
  }

  task<> discard(const backup& b) {
    session_.close();
    co_await discard_objects(c_, b.objects);
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
  if (c.line.has("while-offline")) {
    const int code = co_await backup_push_offline(c);
    co_return code;
  }
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
