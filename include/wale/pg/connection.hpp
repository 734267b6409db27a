#pragma once
// One session with a PostgreSQL server, asynchronous over libpq. libpq is loaded when the first
// session is opened, so that commands without SQL do not pay for it.
//
// Where to connect comes from libpq's environment (PGHOST, PGPORT, PGUSER, PGPASSWORD, PGPASSFILE,
// PGSERVICE, PGSSLMODE ...); the database is always `postgres`. No message of this layer ever
// holds a password.

#include <wale/base/error.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wale::pg {

/// A value in text form, nullopt for NULL.
using value = std::optional<std::string>;
using row = std::vector<value>;
using rows = std::vector<row>;

/// Move-only; one query at a time. Destroying it ends the session, which makes the server abort
/// whatever was under way. Must be destroyed before the runtime.
class connection {
public:
  connection(connection&&) noexcept;
  connection& operator=(connection&&) noexcept;
  ~connection();

  /// Connects, within PGCONNECT_TIMEOUT or else `deadline`. Text passes in both directions as the
  /// server has it, without conversion. Throws kind::unavailable (refused, not reachable, too slow,
  /// starting up) or kind::configuration (password, authentication, libpq missing), each with a
  /// HINT. Cancelling leaves nothing behind.
  static task<connection>
  open(io::runtime& rt, std::chrono::seconds deadline = std::chrono::seconds(30));

  /// Runs one statement with parameters $1, $2, ... Throws server_failure for the server's own
  /// errors, kind::unavailable if the session is lost; the connection is then closed.
  /// Cancelling asks the server to stop the statement and closes the session.
  task<rows> query(std::string sql, std::vector<value> parameters);
  task<rows> query(std::string sql);

  /// Ends the session. No query may be running. Harmless if done.
  void close() noexcept;
  bool is_open() const noexcept;

  /// As server_version_num: 90624, 150020.
  int server_version() const noexcept;
  /// The process the client library talks to.
  int backend_pid() const noexcept;

private:
  struct state;
  explicit connection(std::unique_ptr<state> s) noexcept;
  std::unique_ptr<state> state_;
};

/// An error the server reported: MSG, DETAIL and HINT are the server's; lacking rights are
/// kind::configuration, all others kind::unavailable.
class server_failure : public failure {
public:
  server_failure(kind k, explanation words, std::string sqlstate);
  /// Five characters, for example `42501` (appendix "PostgreSQL Error Codes" of its manual).
  const std::string& sqlstate() const noexcept { return sqlstate_; }

private:
  std::string sqlstate_;
};

} // namespace wale::pg
