#pragma once
// Whether the archive holds the WAL of one cluster: what the proofs of online and offline backups
// rest on.

#include "context.hpp"

#include <wale/base/digest.hpp>
#include <wale/pg/wal_name.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace wale::command {

struct cluster_wal {
  std::string directory; ///< its pg_wal
  pg::segment_size size;
  std::uint64_t system_identifier = 0;
  /// Its files may differ from the archive's, which another server has written.
  bool on_standby = false;
};

/// Of each segment the first block is read: one of this name may be another cluster's. Where it is
/// encrypted and the secret key is not here, the digest that was stored with it is compared with
/// the server's own file; without either, presence counts, with one WARNING.
class archived_wal {
public:
  archived_wal(context c, cluster_wal wal) : c_(c), wal_(std::move(wal)) {}

  /// Throws kind::refused for a segment that another cluster wrote, kind::corrupt for one that is
  /// none, kind::unavailable if the store does not answer. Takes 7 blocks.
  task<bool> holds(pg::wal_segment segment);
  /// Stores a timeline's history file unless the archive has it: one that was archived under an
  /// earlier prefix would never come again. Of one that is not in pg_wal either a WARNING is all
  /// that can be had.
  task<> bring_history(pg::timeline tli);

private:
  task<bool> has_object(std::string name);
  task<bool> is_ours(pg::wal_segment segment, std::optional<sha256_value> stored);

  context c_;
  cluster_wal wal_;
  bool is_sealed_ = false; ///< once one could not be decrypted, gpg is not asked for others
  bool is_warned_ = false;
};

} // namespace wale::command
