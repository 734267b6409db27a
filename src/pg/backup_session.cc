// The statements of a backup in the dialect of each version:
//
//            start                                   stop
//   9.6      pg_start_backup(label, fast, false)     pg_stop_backup(false)
//   10-14    the same                                pg_stop_backup(false, wait_for_archive =>
//   false) 15-      pg_backup_start(label, fast)            pg_backup_stop(wait_for_archive =>
//   false)
//
// From 15 on the first argument of the stop function means what the second one meant before,
// therefore it is named wherever there is one.

#include "server_facts.hpp"

#include <wale/pg/backup_session.hpp>

#include <charconv>
#include <utility>

namespace wale::pg {

namespace {

failure unexpected(const std::string& what) {
  return failure(kind::unavailable, "PostgreSQL gave an unexpected answer", what);
}

const row& only_row(const rows& answer, std::size_t columns) {
  if (answer.size() != 1 || answer.front().size() != columns)
    throw unexpected("It has " + std::to_string(answer.size()) + " rows.");
  return answer.front();
}

lsn position_of(const value& v) {
  const auto position = parse_lsn(v.value_or(""));
  if (!position) throw unexpected("\"" + v.value_or("") + "\" is no WAL position.");
  return *position;
}

// WAL-E's words: people grep for them.
constexpr const char* not_started = "Could not start hot backup";
constexpr const char* not_stopped = "Could not stop hot backup";

/// What failed, and of the server's "permission denied for function ..." what to do about it.
server_failure
with_words(const server_failure& f, const std::string& function, const std::string& msg) {
  explanation words = f.text();
  words.detail = words.msg + (words.detail.empty() ? "" : "\n" + words.detail);
  words.msg = msg;
  if (f.sqlstate() == "42501")
    words.hint = "As a superuser: GRANT EXECUTE ON FUNCTION " + function + " TO the role.";
  return server_failure(f.why(), std::move(words), f.sqlstate());
}

void require_version(int version) {
  if (version >= 90600) return;
  throw failure(
      kind::refused,
      "this version of PostgreSQL is too old",
      "The server says it is version " + std::to_string(version) + ".",
      "Backups that survive the end of their session exist since 9.6.");
}

/// A hot standby refuses every statement that takes a snapshot in a serializable session, and a
/// deferrable one may wait for others; this statement takes none.
constexpr const char* isolation_statement =
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, NOT DEFERRABLE";

/// Nothing may end a session that holds a backup but its owner, and times that are compared as text
/// must not change with a reload. set_config's third argument makes it a setting of the session;
/// unknown names would be errors, hence the versions.
std::string settings_statement(int version) {
  std::string sql = "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false), "
                    "pg_catalog.set_config('TimeZone', 'UTC', false), "
                    "pg_catalog.set_config('DateStyle', 'ISO', false)";
  std::vector<std::string> timeouts = {
      "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"};
  if (version >= 140000) timeouts.emplace_back("idle_session_timeout");
  if (version >= 170000) timeouts.emplace_back("transaction_timeout");
  for (const std::string& name : timeouts)
    sql += ", pg_catalog.set_config('" + name + "', '0', false)";
  return sql;
}

} // namespace

struct backup_session::state {
  explicit state(connection c) : session(std::move(c)) {}

  task<> prepare();
  task<timeline> start_timeline(lsn position);
  task<rows>
  call(std::string sql, std::vector<value> parameters, std::string function, std::string msg);

  connection session;
  server_facts facts;
  std::optional<backup_start> started;
};

task<> backup_session::state::prepare() {
  require_version(session.server_version());
  co_await session.query(isolation_statement);
  co_await session.query(settings_statement(session.server_version()));
  facts = co_await read_server_facts(session);
}

/// A statement around one function that needs a grant.
task<rows> backup_session::state::call(
    std::string sql, std::vector<value> parameters, std::string function, std::string msg) {
  try {
    rows answer = co_await session.query(std::move(sql), std::move(parameters));
    co_return answer;
  } catch (const server_failure& f) {
    throw with_words(f, function, msg);
  }
}

/// The timeline of the checkpoint that the backup starts from, which is what the server writes into
/// backup_label. A primary names the segment itself; a standby refuses to, but its control file has
/// the restartpoint.
task<timeline> backup_session::state::start_timeline(lsn position) {
  std::string sql = "SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()";
  std::string function = "pg_control_checkpoint()";
  std::vector<value> parameters;
  if (!facts.in_recovery) {
    const std::string name = facts.version >= 100000 ? "pg_walfile_name" : "pg_xlogfile_name";
    sql = "SELECT pg_catalog." + name + "($1)";
    function = name + "(pg_lsn)";
    parameters.emplace_back(to_string(position));
  }
  const rows answer = co_await call(sql, std::move(parameters), function, not_started);
  const std::string text = only_row(answer, 1)[0].value_or("");
  if (!facts.in_recovery) {
    const auto segment = wal_segment::parse(text);
    if (!segment) throw unexpected("\"" + text + "\" is no name of a WAL segment.");
    co_return segment->tli;
  }
  timeline tli;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), tli.value);
  if (error != std::errc{} || tli.value == 0) throw unexpected("\"" + text + "\" is no timeline.");
  co_return tli;
}

backup_session::backup_session(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
backup_session::backup_session(backup_session&&) noexcept = default;
backup_session& backup_session::operator=(backup_session&&) noexcept = default;
backup_session::~backup_session() = default;

task<backup_session> backup_session::open(io::runtime& rt) {
  connection session = co_await connection::open(rt);
  auto s = std::make_unique<state>(std::move(session));
  co_await s->prepare();
  co_return backup_session(std::move(s));
}

const server_facts& backup_session::facts() const noexcept {
  return state_->facts;
}

task<> backup_session::lock() {
  const std::string sql =
      "SELECT pg_catalog.pg_try_advisory_lock(" + std::to_string(backup_lock_key) + ")";
  // The server needs a moment to notice that the session of a killed backup is gone.
  const std::string pause = "SELECT pg_catalog.pg_sleep(0.1)";
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (attempt > 0) co_await state_->session.query(pause);
    const rows answer = co_await state_->session.query(sql);
    if (only_row(answer, 1)[0] == "t") co_return;
  }
  throw failure(
      kind::refused,
      "another backup is running",
      "A session of the server holds the advisory lock " + std::to_string(backup_lock_key) + ".",
      "Wait for it; pg_locks and pg_stat_activity tell which process it is.");
}

task<backup_start> backup_session::begin(std::string label, bool fast) {
  const bool modern = state_->facts.version >= 150000;
  std::string sql = "SELECT pg_catalog.pg_start_backup($1, $2, false)";
  std::string function = "pg_start_backup(text, boolean, boolean)";
  if (modern) {
    sql = "SELECT pg_catalog.pg_backup_start($1, $2)";
    function = "pg_backup_start(text, boolean)";
  }
  std::vector<value> parameters;
  parameters.emplace_back(std::move(label));
  parameters.emplace_back(fast ? "t" : "f");
  const rows answer = co_await state_->call(sql, std::move(parameters), function, not_started);
  backup_start started;
  started.position = position_of(only_row(answer, 1)[0]);
  started.tli = co_await state_->start_timeline(started.position);
  const segment_size size = state_->facts.wal_segment_size;
  started.segment = wal_segment::containing(started.position, started.tli, size);
  started.offset = offset_in_segment(started.position, size);
  state_->started = started;
  co_return started;
}

task<> backup_session::ping() {
  const rows answer = co_await state_->session.query(
      "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), "
      "pg_catalog.pg_postmaster_start_time()");
  const row& now = only_row(answer, 3);
  const server_facts& then = state_->facts;
  std::string what;
  std::string hint = "Start the backup again.";
  if (now[0] != std::to_string(then.backend_pid)) {
    what = "The session is served by another process than before.";
    hint = "Connect to the server itself, not to a connection pooler.";
  } else if (now[2] != then.started) {
    what = "The server was restarted.";
  } else if ((now[1] == "t") != then.in_recovery) {
    what = "The server was promoted.";
  }
  if (what.empty()) co_return;
  close();
  throw failure(kind::unavailable, "the backup is void", std::move(what), std::move(hint));
}

task<backup_stop> backup_session::stop() {
  if (!state_->started) throw failure(kind::bug, "a backup is stopped that was not started");
  co_await ping(); // says better than the function what has happened
  const int version = state_->facts.version;
  std::string function = "pg_backup_stop(boolean)";
  std::string call = "pg_backup_stop(wait_for_archive => false)";
  if (version < 100000) {
    function = "pg_stop_backup(boolean)";
    call = "pg_stop_backup(false)";
  } else if (version < 150000) {
    function = "pg_stop_backup(boolean, boolean)";
    call = "pg_stop_backup(exclusive => false, wait_for_archive => false)";
  }
  const std::string sql =
      "SELECT lsn, labelfile, spcmapfile FROM pg_catalog." + call + " AS stopped";
  std::vector<value> none;
  const rows answer = co_await state_->call(sql, std::move(none), std::move(function), not_stopped);
  const row& r = only_row(answer, 3);

  const backup_start started = *state_->started;
  state_->started.reset();
  const segment_size size = state_->facts.wal_segment_size;
  backup_stop stopped;
  stopped.position = position_of(r[0]);
  stopped.backup_label = r[1].value_or("");
  stopped.tablespace_map = r[2].value_or("");
  const pg::backup_label label = parse_backup_label(stopped.backup_label);
  if (label.start != started.position || label.segment != started.segment)
    throw failure(
        kind::corrupt,
        "the server's backup_label is of another backup",
        "The backup started at " + to_string(started.position) + " in " + started.segment.name() +
            ", the label says " + to_string(label.start) + " in " + label.segment.name() + ".");
  stopped.tli = started.tli;
  stopped.segment = wal_segment::before(stopped.position, stopped.tli, size);
  stopped.offset = offset_in_segment(stopped.position, size);
  co_return stopped;
}

task<archiver_status> backup_session::archiver() {
  const rows answer = co_await state_->session.query(
      "SELECT failed_count, last_archived_wal, last_failed_wal, last_failed_time "
      "FROM pg_catalog.pg_stat_archiver");
  const row& r = only_row(answer, 4);
  archiver_status status;
  const std::string count = r[0].value_or("0");
  std::from_chars(count.data(), count.data() + count.size(), status.failed_count);
  status.last_archived = r[1];
  status.last_failed = r[2];
  status.last_failed_time = r[3];
  co_return status;
}

void backup_session::close() noexcept {
  state_->session.close();
}

} // namespace wale::pg
