// A primary writes its last checkpoint when it is shut down, a standby only remembers how far it
// has replayed.

#include <wale/base/error.hpp>
#include <wale/pg/shutdown_wal.hpp>

#include <algorithm>

namespace wale::pg {

namespace {

/// XLogRecord, the header of its data and struct CheckPoint, aligned: 112 bytes in 9.6, 120 since
/// 12 (src/include/access/xlogrecord.h, catalog/pg_control.h), and room for some more fields.
constexpr std::uint64_t longest_checkpoint = 160;

void require_shut_down(const control_data& control) {
  if (control.is_shut_down()) return;
  throw failure(
      kind::refused,
      "the cluster was not shut down",
      "Its pg_control says \"" + std::string(to_string(control.state)) + "\".",
      "Start the server and stop it with pg_ctl stop -m fast, or back it up while it runs, without "
      "--while-offline.");
}

void require_one_timeline(const control_data& control) {
  if (control.min_recovery_point.value == 0 || control.min_recovery_tli == control.tli) return;
  throw failure(
      kind::refused,
      "the standby was shut down right after a change of timeline",
      "Its last restartpoint is on timeline " + to_hex(control.tli) +
          ", it has replayed timeline " + to_hex(control.min_recovery_tli) + ".",
      "Start it, wait until it has replayed a checkpoint of its primary, and shut it down again.");
}

// Where that end is only its WAL tells.
void require_end_of_base_backup(const control_data& control) {
  const bool is_waited_for = control.backup_start.value != 0 || control.backup_end.value != 0 ||
                             control.backup_end_required;
  if (!is_waited_for) return;
  throw failure(
      kind::refused,
      "the standby was shut down before it was consistent",
      "It has not replayed the end of the base backup that it was made from.",
      "Start it, wait until it accepts connections or logs that a consistent state is reached, and "
      "shut it down again.");
}

} // namespace

shutdown_wal wal_of_shutdown(const control_data& control) {
  require_shut_down(control);
  require_end_of_base_backup(control);
  require_one_timeline(control);
  const segment_size size = control.wal_segment_size;
  shutdown_wal wal;
  wal.start = control.redo;
  wal.stop = std::max(control.redo, control.min_recovery_point);
  wal.first = wal_segment::containing(control.redo, control.tli, size);
  const wal_segment checkpoint = wal_segment::containing(control.checkpoint, control.tli, size);
  wal.last = std::max(checkpoint, wal_segment::before(wal.stop, control.tli, size));
  const bool may_cross =
      offset_in_segment(control.checkpoint, size) + longest_checkpoint > size.bytes();
  if (may_cross && wal.last == checkpoint) wal.perhaps = checkpoint.next(size);
  return wal;
}

} // namespace wale::pg
