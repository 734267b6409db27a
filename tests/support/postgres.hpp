#pragma once
// Scratch PostgreSQL clusters for tests: a data directory and a server on a Unix socket, both gone
// with their object. Servers run as an unprivileged user, even if the test runs as root, and die
// with the test. The programs are Debian's 15 unless WALE_TEST_PG_BIN names another directory.

#include "support/scratch_dir.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace wale::test {

struct program_result {
  int status = -1;    ///< exit code, or 128 + signal
  std::string output; ///< stdout and stderr
};
/// Runs a program to its end.
program_result run_program(const std::vector<std::string>& arguments);

/// Environment variables, put back at the end. nullopt unsets.
class environment {
public:
  explicit environment(const std::map<std::string, std::optional<std::string>>& variables);
  environment(const std::string& name, const std::optional<std::string>& value);
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment();

private:
  std::map<std::string, std::optional<std::string>> before_;
};

class scratch_cluster {
public:
  struct options {
    std::vector<std::string> initdb = {};
    std::string settings = {}; ///< lines of postgresql.conf
    std::string hba = "local all all trust\nlocal replication all trust\n";
  };

  /// Makes the cluster; it is not started.
  scratch_cluster();
  explicit scratch_cluster(const options& o);
  scratch_cluster(const scratch_cluster&) = delete;
  scratch_cluster& operator=(const scratch_cluster&) = delete;
  /// Stops it at once.
  ~scratch_cluster();

  /// From a data directory that no server runs on, which may be a restored backup.
  explicit scratch_cluster(const std::string& copied_from);

  /// A streaming standby of this server, started, on a socket of its own. Restarts this one.
  std::unique_ptr<scratch_cluster> make_standby();

  /// Returns when the server accepts connections.
  void start();
  /// `how`: SIGTERM smart, SIGINT fast, SIGQUIT immediate, SIGKILL.
  void stop(int how);
  void promote();

  const std::string& data() const noexcept { return data_; }
  /// A directory that the server may write to, for tablespaces and archives.
  std::string make_directory(const std::string& name) const;
  /// 9.6 gives 9, 15 gives 15.
  int major() const noexcept { return major_; }
  /// What the server calls `name` of 10 and later, for example pg_current_wal_lsn.
  std::string function(const std::string& name) const;

  /// What libpq needs to find the server as superuser, and no trace of another.
  std::map<std::string, std::optional<std::string>> address() const;

  /// Runs statements with psql; fails the test if they fail. Without the final newline.
  std::string sql(const std::string& statements) const;
  /// Repeats a query until it gives `t`.
  void wait_until(const std::string& query) const;

private:
  void detect_version();
  bool accepts_connections() const;

  scratch_dir dir_;
  std::string data_;
  int major_ = 0;
  pid_t server_ = -1;
};

/// The directory of the server's programs under test, and of Debian's client programs.
std::string server_program(const std::string& name);
std::string client_program(const std::string& name);

} // namespace wale::test
