// The order of steps; what makes the copy consistent is that nothing changed from the first look to
// the last.
#include "offline_backup.hpp"

#include "backup_steps.hpp"
#include "backup_upload.hpp"
#include "cluster_guard.hpp"
#include "directory_lock.hpp"
#include "encryption.hpp"
#include "installed_version.hpp"
#include "offline_wal.hpp"
#include "progress_report.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/base/wall_clock.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/shield.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/data_dir.hpp>
#include <wale/pg/shutdown_wal.hpp>

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.operator.backup";

void require_no_server(const std::string& directory) {
  if (!io::fs::link_status(directory + "/postmaster.pid")) return;
  throw failure(
      kind::refused,
      "while_offline set, but pg looks to be running",
      "Found a postmaster.pid lockfile in \"" + directory + "\".",
      "Shut down postgres, or take the backup while it runs, without --while-offline.");
}

// What was read before is of no use otherwise.
void require_still_offline(const std::string& directory, const pg::control_image& before) {
  require_no_server(directory);
  if (pg::read_control_file(directory).bytes == before.bytes) return;
  throw failure(
      kind::refused,
      "the cluster was started during the backup",
      "\"" + directory + "/global/pg_control\" has changed.",
      "Keep it shut down, and start the backup again.");
}

class pushing_offline {
public:
  pushing_offline(
      context c,
      pg::cluster_directory cluster,
      pg::control_image control,
      const pg::shutdown_wal& wal)
      : c_(c), control_(std::move(control)), wal_(wal), objects_(name_of(control_.data, wal)) {
    facts_.cluster = std::move(cluster);
    facts_.began_ns = now_ns();
    facts_.system_identifier = control_.data.system_identifier;
    facts_.start = wal.start;
    facts_.stop = wal.stop;
    const pg::segment_size size = control_.data.wal_segment_size;
    // WAL-E gives the start for the end; so it is, but for a standby.
    facts_.stop_segment = wal.stop == wal.start ? wal.first : wal.last;
    facts_.stop_offset = pg::offset_in_segment(wal.stop, size);
  }

  task<> operator()() {
    const bool in_recovery = control_.data.state == pg::cluster_state::shut_down_in_recovery;
    co_await require_free_name(
        c_.rt, c_.archive, objects_.name(), in_recovery, facts_.system_identifier);
    std::exception_ptr error;
    try {
      co_await take();
    } catch (...) {
      error = std::current_exception();
    }
    if (!error) co_return;
    // This must happen although it may be the end by a signal.
    co_await io::shield(discard_objects(c_, objects_));
    std::rethrow_exception(error);
  }

private:
  static catalog::backup_name
  name_of(const pg::control_data& control, const pg::shutdown_wal& wal) {
    const std::uint32_t offset = pg::offset_in_segment(wal.start, control.wal_segment_size);
    return catalog::backup_name::make(wal.first.name(), offset);
  }

  task<> take() {
    const std::string version = co_await installed_version(c_.rt, facts_.cluster.version);
    facts_.server_version = version_number(version);
    co_await store_version(c_, objects_, version);

    std::vector<tree_entry> wal = co_await wal_to_carry(c_, facts_.cluster, control_.data, wal_);
    auto scan = [&] {
      return pg::scan_data_directory(
          facts_.cluster, default_log_directory(facts_.cluster), pg::unlogged_relations::kept);
    };
    pg::data_dir_plan plan = co_await c_.rt.offload(scan);
    for (const explanation& w : plan.warnings)
      log::warning(logger, w);
    facts_.tablespaces = plan.tablespaces;

    co_await upload(plan, std::move(wal));
    auto look = [&] { require_still_offline(facts_.cluster.path, control_); };
    co_await c_.rt.offload(look);
    co_await store_metadata(c_, objects_, facts_);
    std::string sentinel = sentinel_text(facts_);
    co_await objects_.require_partitions(c_.archive);
    co_await objects_.write_sentinel(c_.rt, c_.archive, std::move(sentinel));
  }

  task<> read_cluster(const pg::data_dir_plan& plan, cluster_reading& reading) {
    const std::size_t at_once = c_.line.number("pool-size", 1);
    facts_.totals = co_await upload_partitions(c_, objects_, plan.entries, at_once, reading);
  }

  task<> upload(const pg::data_dir_plan& plan, std::vector<tree_entry> wal) {
    cluster_reading reading(c_.rt, read_rate_limit(c_.line));
    progress_style style = progress_style_here("backup-push");
    task<> work = read_cluster(plan, reading);
    co_await with_progress(c_.rt, reading.meter(), std::move(style), std::move(work));

    const auto* bytes = reinterpret_cast<const char*>(control_.bytes.data());
    archive::pack_plan last;
    last.tail.push_back(member_like(
        plan.entries.front(), "global/pg_control", std::string(bytes, control_.bytes.size())));
    facts_.totals.expanded += control_.bytes.size();
    for (const tree_entry& e : wal)
      facts_.totals.expanded += e.size;
    last.entries = std::move(wal);
    last.gate = [&reading](std::size_t wanted) { return reading.pass(wanted); };
    const std::uint32_t number = facts_.totals.partitions++;
    facts_.totals.compressed +=
        co_await upload_last_partition(c_, objects_, number, std::move(last));
  }

  context c_;
  pg::control_image control_;
  pg::shutdown_wal wal_;
  backup_objects objects_;
  finished_backup facts_;
};

} // namespace

task<int> backup_push_offline(context c) {
  const std::string directory = c.line.operands.at(0);
  co_await require_usable_key(c.rt);
  auto find = [&] { return pg::find_cluster(directory); };
  const pg::cluster_directory cluster = co_await c.rt.offload(find);
  const directory_lock lock(cluster.path, "another backup or restore of this directory");
  auto look = [&] {
    require_no_server(cluster.path);
    return pg::read_control_file(cluster.path);
  };
  pg::control_image control = co_await c.rt.offload(look);
  const pg::shutdown_wal wal = pg::wal_of_shutdown(control.data);
  co_await c.archive.prepare();
  co_await require_cluster_of_archive(c.rt, c.archive, control.data.system_identifier);
  pushing_offline push(c, cluster, std::move(control), wal);
  co_await push();
  co_return 0;
}

} // namespace wale::command
