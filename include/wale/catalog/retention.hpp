#pragma once
// What `delete` removes and what it keeps, and why (docs/design.md "Deleting"). Pure: listings and
// facts in, a plan out.
//
// WAL-E removes what lies before a horizon, a position in the WAL without a timeline. The same goes
// here, but for what somebody still needs: backups that are perhaps in progress, backups that only
// seem older by their position, and all WAL that a kept backup needs (needed_wal.hpp). So on an
// archive of one timeline the same keys go as with WAL-E, elsewhere fewer.

#include <wale/catalog/layout.hpp>
#include <wale/catalog/needed_wal.hpp>
#include <wale/pg/wal_name.hpp>
#include <wale/store/store.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wale::catalog {

/// What only the objects of a completed backup tell.
struct backup_facts {
  std::int64_t taken_ns = 0; ///< when it was taken, since the epoch
  std::optional<std::uint64_t> system_identifier = {};
};

struct archive_contents {
  std::vector<store::object_info> backups; ///< all below `basebackups_005/`
  std::vector<store::object_info> wal;     ///< all below `wal_005/`
  /// A completed backup that is not here was taken when its sentinel was modified.
  std::map<backup_name, backup_facts> facts = {};
  timeline_histories histories = {};
  std::int64_t now_ns = 0;
  /// A backup without sentinel is perhaps in progress while an object of it is younger.
  std::int64_t grace_ns = 0;
};

/// What becomes of one backup, or of what is left of one.
struct verdict {
  std::string name;
  bool kept = true;
  bool complete = true;
  std::int64_t time_ns = 0; ///< when it was taken; unfinished or not looked into: its newest object
  std::string reason;
};

struct removal {
  store::object_info object;
  std::string_view thing; ///< WAL-E's words for its log: `a wal file`
};

struct skipped_key {
  store::object_key key;
  std::string_view why; ///< WAL-E's words: `at an unexpected depth`
};

struct retention_plan {
  std::vector<verdict> backups; ///< newest first

  // What goes, in this order. Without its sentinel a backup is none; nothing else may go before.
  std::vector<removal> sentinels;
  std::vector<removal> contents;
  std::vector<removal> wal;

  std::vector<skipped_key> skipped; ///< kept, because nobody knows what they are
  std::size_t kept_wal = 0;         ///< files below the directory of WAL that stay
  /// retain: the oldest of the backups that were asked for.
  std::optional<backup_name> oldest_retained = {};
};

/// `delete before`: a backup's name, or any segment.
struct retention_horizon {
  pg::wal_segment segment;
  std::optional<backup_name> backup = {}; ///< need not exist

  /// `base_SEG_OFF` or 24 hexadecimal digits; nullopt for anything else.
  static std::optional<retention_horizon> parse(std::string_view text);
  std::string text() const;
};

retention_plan plan_before(const archive_contents& archive, const retention_horizon& horizon);

/// Keeps the `count` backups that were taken last; `count` is at least 1. Without any completed
/// backup nothing goes.
retention_plan plan_retain(const archive_contents& archive, std::size_t count);

/// Everything below the two directories of one version of the storage format, whatever it is.
retention_plan plan_everything(
    std::span<const store::object_info> backups, std::span<const store::object_info> wal);

} // namespace wale::catalog
