#pragma once
// A non-exclusive online backup: one session from start to stop, on PostgreSQL 9.6 to 18, as
// superuser or with the documented grants ("Making a Non-Exclusive Low-Level Backup" in the
// manual).

#include <wale/base/error.hpp>
#include <wale/pg/connection.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/wal_name.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::pg {

/// The session-level advisory lock that keeps a second backup out: bytes of `wal-e` as a number.
inline constexpr std::int64_t backup_lock_key = 0x77616c2d65;

/// What the server says about itself. nullopt: this role may not read it.
struct server_facts {
  std::string version_text; ///< version()
  int version = 0;          ///< server_version_num
  int backend_pid = 0;
  bool in_recovery = false;
  std::string started;                            ///< pg_postmaster_start_time()
  std::optional<std::uint64_t> system_identifier; ///< pg_control_system()
  std::optional<std::string> data_directory;
  std::optional<std::string> log_directory; ///< as set: relative to the data directory, or absolute
  std::string port;
  segment_size wal_segment_size;
  std::string archive_mode;    ///< off, on, always
  std::string archive_command; ///< empty or `(disabled)` where there is none
  std::string archive_library; ///< 15 and later, otherwise empty
  /// One for each fact that could not be read; the HINT names the GRANT.
  std::vector<explanation> missing;

  int major() const noexcept { return version >= 100000 ? version / 10000 : version / 100; }
  /// archive_mode is not off and a command or a library is set.
  bool is_archiving() const noexcept;
};

struct backup_start {
  lsn position;
  timeline tli;
  wal_segment segment;      ///< holds `position`
  std::uint32_t offset = 0; ///< of `position` in it
};

struct backup_stop {
  lsn position;
  timeline tli;
  wal_segment segment;        ///< the last one the backup needs
  std::uint32_t offset = 0;   ///< of `position` in its segment
  std::string backup_label;   ///< to be stored as the server gave it
  std::string tablespace_map; ///< the same; empty: none is to be stored
};

/// pg_stat_archiver, for messages.
struct archiver_status {
  std::uint64_t failed_count = 0;
  std::optional<std::string> last_archived;
  std::optional<std::string> last_failed;
  std::optional<std::string> last_failed_time;
};

/// Move-only. All calls one after the other, never at the same time. Destroying it, or any failure,
/// ends the session; the server then aborts a backup that was not stopped.
class backup_session {
public:
  backup_session(backup_session&&) noexcept;
  backup_session& operator=(backup_session&&) noexcept;
  ~backup_session();

  /// Connects, switches every timeout of the session off and reads the facts. Throws as
  /// connection::open does, and kind::refused before PostgreSQL 9.6.
  static task<backup_session> open(io::runtime& rt);

  const server_facts& facts() const noexcept;

  /// Takes the advisory lock. Throws kind::refused if another session holds it for two seconds.
  task<> lock();

  /// pg_backup_start. With `fast` false it waits for the next spread checkpoint: minutes.
  task<backup_start> begin(std::string label, bool fast);

  /// Throws kind::unavailable, HINT included, if this is no longer the same server process, the
  /// server was restarted or promoted, or the session is gone.
  task<> ping();

  /// A ping, then pg_backup_stop, without waiting for the archive. Throws kind::corrupt if the
  /// label the server gives does not describe the backup that begin() started.
  task<backup_stop> stop();

  task<archiver_status> archiver();

  /// Ends the session, and with it a backup under way.
  void close() noexcept;

private:
  struct state;
  explicit backup_session(std::unique_ptr<state> s) noexcept;
  std::unique_ptr<state> state_;
};

/// What a backup_label says.
struct backup_label {
  lsn start;
  wal_segment segment; ///< from the file name in START WAL LOCATION
  lsn checkpoint;
  std::string label;
};
/// Pure. Throws kind::corrupt without a readable START WAL LOCATION.
backup_label parse_backup_label(std::string_view text);

/// Throws kind::refused unless `directory` is the cluster that `facts` come from: the same system
/// identifier and the same directory once links are resolved. Where the role may not read the
/// server's, the directory's postmaster.pid must name the server's port. Blocks shortly.
void require_same_cluster(
    const std::string& directory, const control_data& control, const server_facts& facts);

} // namespace wale::pg
