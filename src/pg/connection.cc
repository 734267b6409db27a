// Drives libpq's non-blocking interface: libpq says what it waits for, the runtime waits. The
// socket belongs to libpq and can change while it connects, so it is asked for each time.

#include "libpq.hpp"
#include "server_error.hpp"

#include <wale/base/log.hpp>
#include <wale/io/deadline.hpp>
#include <wale/pg/connection.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <exception>
#include <new>
#include <poll.h>
#include <utility>

namespace wale::pg {

namespace {

constexpr const char* logger = "wal_e.pg";
constexpr const char* unreachable_hint =
    "Is the server running, and do PGHOST, PGPORT and PGUSER lead to it?";

/// libpq hands every notice and warning over here instead of writing to stderr.
void log_notice(void* context, const PGresult* result) {
  const libpq& pq = *static_cast<const libpq*>(context);
  explanation text;
  text.msg = "PostgreSQL says: " + trimmed(pq.result_error_message(result));
  log::debug(logger, std::move(text));
}

struct result_deleter {
  const libpq* pq;
  void operator()(PGresult* result) const noexcept { pq->clear(result); }
};
using result_handle = std::unique_ptr<PGresult, result_deleter>;

rows rows_of(const libpq& pq, const PGresult* result) {
  rows all;
  const int columns = pq.nfields(result);
  for (int r = 0; r < pq.ntuples(result); ++r) {
    row one;
    for (int c = 0; c < columns; ++c) {
      if (pq.getisnull(result, r, c) != 0)
        one.emplace_back();
      else
        one.emplace_back(
            std::in_place,
            pq.getvalue(result, r, c),
            static_cast<std::size_t>(pq.getlength(result, r, c)));
    }
    all.push_back(std::move(one));
  }
  return all;
}

} // namespace

struct connection::state {
  state(io::runtime& runtime, const libpq& library) : rt(runtime), pq(library) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { close(); }

  void close() noexcept {
    if (session != nullptr) pq.finish(session);
    session = nullptr;
  }

  void start();
  std::chrono::seconds time_to_connect(std::chrono::seconds standard) const;
  task<> finish_connecting();
  task<rows> run(std::string sql, std::vector<value> parameters);
  task<> send();
  task<result_handle> next_result();
  task<> ask_to_stop();

  io::runtime& rt;
  const libpq& pq;
  PGconn* session = nullptr;
  bool busy = false;
};

void connection::state::start() {
  // What is given here beats the environment; all the rest comes from there. SQL_ASCII switches
  // conversion off: backup_label must come through byte by byte.
  static constexpr std::array<const char*, 8> keywords = {
      "dbname",
      "fallback_application_name",
      "client_encoding",
      "keepalives",
      "keepalives_idle",
      "keepalives_interval",
      "keepalives_count",
      nullptr};
  static constexpr std::array<const char*, 8> values = {
      "postgres", "wal-e", "SQL_ASCII", "1", "60", "10", "6", nullptr};
  session = pq.connect_start_params(keywords.data(), values.data(), 0);
  if (session == nullptr) throw std::bad_alloc();
  pq.set_notice_receiver(session, log_notice, const_cast<libpq*>(&pq));
  if (pq.status(session) == CONNECTION_BAD) throw connect_error(pq, session);
}

std::chrono::seconds connection::state::time_to_connect(std::chrono::seconds standard) const {
  // PQconnectPoll does not look at connect_timeout: that is left to its caller. Less than two
  // seconds counts as two, zero as for ever (libpq, "Parameter Key Words"); we do not wait for
  // ever.
  PQconninfoOption* options = pq.conninfo(session);
  int seconds = 0;
  for (const PQconninfoOption* o = options; o != nullptr && o->keyword != nullptr; ++o)
    if (std::strcmp(o->keyword, "connect_timeout") == 0 && o->val != nullptr)
      std::from_chars(o->val, o->val + std::strlen(o->val), seconds);
  pq.conninfo_free(options);
  if (seconds <= 0) return standard;
  return std::chrono::seconds(std::max(seconds, 2));
}

task<> connection::state::finish_connecting() {
  int events = POLLOUT; // as if PQconnectPoll had just said so
  for (;;) {
    co_await rt.ready(pq.socket(session), events);
    const PostgresPollingStatusType next = pq.connect_poll(session);
    if (next == PGRES_POLLING_OK) break;
    if (next == PGRES_POLLING_FAILED) throw connect_error(pq, session);
    events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
  }
  if (pq.set_nonblocking(session, 1) != 0) throw lost_session(pq, session);
}

/// Flushes what libpq holds. The server may be waiting for us to read before it reads.
task<> connection::state::send() {
  for (;;) {
    const int left = pq.flush(session);
    if (left == 0) co_return;
    if (left < 0) throw lost_session(pq, session);
    const int ready = co_await rt.ready(pq.socket(session), POLLIN | POLLOUT);
    if ((ready & POLLIN) != 0 && pq.consume_input(session) == 0) throw lost_session(pq, session);
  }
}

task<result_handle> connection::state::next_result() {
  while (pq.is_busy(session) != 0) {
    co_await rt.ready(pq.socket(session), POLLIN);
    if (pq.consume_input(session) == 0) throw lost_session(pq, session);
  }
  result_handle result(pq.get_result(session), result_deleter{&pq});
  co_return result;
}

task<rows> connection::state::run(std::string sql, std::vector<value> parameters) {
  std::vector<const char*> values;
  for (const value& v : parameters)
    values.push_back(v ? v->c_str() : nullptr);
  const int count = static_cast<int>(values.size());
  const int sent = pq.send_query_params(
      session, sql.c_str(), count, nullptr, values.data(), nullptr, nullptr, 0);
  if (sent == 0) throw lost_session(pq, session);
  co_await send();

  result_handle answer(nullptr, result_deleter{&pq});
  for (;;) {
    result_handle next = co_await next_result();
    if (!next) break;
    answer = std::move(next);
  }
  if (pq.status(session) == CONNECTION_BAD || !answer) throw lost_session(pq, session);
  const ExecStatusType status = pq.result_status(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw error_of(pq, answer.get());
  co_return rows_of(pq, answer.get());
}

/// Sends a cancel request over a second connection, which blocks, therefore on the pool.
task<> connection::state::ask_to_stop() {
  PGcancel* request = pq.get_cancel(session);
  if (request == nullptr) co_return;
  const libpq* library = &pq;
  auto send_request = [library, request] {
    std::array<char, 256> why;
    library->cancel(request, why.data(), static_cast<int>(why.size()));
  };
  std::exception_ptr error;
  try {
    co_await rt.offload(send_request);
  } catch (...) {
    error = std::current_exception();
  }
  pq.free_cancel(request);
  if (error) std::rethrow_exception(error);
}

connection::connection(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&&) noexcept = default;
connection::~connection() = default;

task<connection> connection::open(io::runtime& rt, std::chrono::seconds deadline) {
  // Loading the library and resolving a host name block.
  auto load = [] { return &load_libpq(); };
  const libpq* library = co_await rt.offload(load);
  auto s = std::make_unique<state>(rt, *library);
  state* raw = s.get();
  auto start = [raw] { raw->start(); };
  try {
    co_await rt.offload(start);
  } catch (const failure& f) {
    throw f.with_hint(unreachable_hint);
  }
  const std::chrono::seconds limit = s->time_to_connect(deadline);
  try {
    co_await io::within(rt, limit, "Connecting", s->finish_connecting());
  } catch (const failure& f) {
    if (f.why() == kind::configuration || f.why() == kind::interrupted) throw;
    throw f.with_msg("could not connect to PostgreSQL").with_hint(unreachable_hint);
  }
  co_return connection(std::move(s));
}

task<rows> connection::query(std::string sql) {
  std::vector<value> none;
  return query(std::move(sql), std::move(none));
}

task<rows> connection::query(std::string sql, std::vector<value> parameters) {
  if (!is_open())
    throw failure(
        kind::unavailable, "the session with PostgreSQL was lost", "It is closed already.");
  if (state_->busy) throw failure(kind::bug, "two statements at once in one session");
  state_->busy = true;
  std::exception_ptr error;
  bool was_cancelled = false;
  rows result;
  try {
    result = co_await state_->run(std::move(sql), std::move(parameters));
  } catch (const server_failure&) {
    error = std::current_exception();
  } catch (const failure& f) {
    error = std::current_exception();
    was_cancelled = f.why() == kind::interrupted;
    if (!was_cancelled) close();
  } catch (...) {
    error = std::current_exception();
    close();
  }
  state_->busy = false;
  if (was_cancelled) {
    try {
      co_await state_->ask_to_stop();
    } catch (...) {
      // The session ends in any case; the statement then ends when the server notices.
    }
    close();
  }
  if (error) std::rethrow_exception(error);
  co_return result;
}

void connection::close() noexcept {
  if (state_) state_->close();
}

bool connection::is_open() const noexcept {
  return state_ && state_->session != nullptr;
}

int connection::server_version() const noexcept {
  return is_open() ? state_->pq.server_version(state_->session) : 0;
}

int connection::backend_pid() const noexcept {
  return is_open() ? state_->pq.backend_pid(state_->session) : 0;
}

} // namespace wale::pg
