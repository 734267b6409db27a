#pragma once
// The WAL that a cluster which is shut down needs to start again. Pure.

#include <wale/pg/control_file.hpp>
#include <wale/pg/wal_name.hpp>

#include <optional>

namespace wale::pg {

struct shutdown_wal {
  lsn start; ///< the REDO position of the last checkpoint
  lsn stop;  ///< where the files are consistent: there, or the minRecoveryPoint of a standby
  wal_segment first; ///< holds `start`
  wal_segment last;  ///< the last that is needed for certain
  /// The checkpoint's record may end in this one. It does if the segment has a header of its own:
  /// the record is the last one that was written.
  std::optional<wal_segment> perhaps;
};

/// Throws kind::refused, HINT included, unless the cluster was shut down; and for a standby that
/// followed its primary to another timeline since its last restartpoint.
shutdown_wal wal_of_shutdown(const control_data& control);

} // namespace wale::pg
