// Classifies errors by what the operator can do: rights and passwords are configuration, everything
// else may be better the next time. SQLSTATE decides, because texts are translated.

#include "server_error.hpp"

#include <string_view>
#include <utility>

namespace wale::pg {

namespace {

std::string field(const libpq& pq, const PGresult* result, int code) {
  const char* text = pq.result_error_field(result, code);
  return text == nullptr ? std::string() : trimmed(text);
}

bool is_lack_of_rights(std::string_view sqlstate) {
  return sqlstate == "42501"            // insufficient_privilege
         || sqlstate.starts_with("28"); // invalid authorization specification
}

} // namespace

server_failure::server_failure(kind k, explanation words, std::string sqlstate)
    : failure(k, std::move(words.msg), std::move(words.detail), std::move(words.hint)),
      sqlstate_(std::move(sqlstate)) {}

std::string trimmed(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
}

server_failure error_of(const libpq& pq, const PGresult* result) {
  std::string sqlstate = field(pq, result, PG_DIAG_SQLSTATE);
  explanation words;
  words.msg = "PostgreSQL refused a statement: " + field(pq, result, PG_DIAG_MESSAGE_PRIMARY);
  words.detail = field(pq, result, PG_DIAG_MESSAGE_DETAIL);
  words.hint = field(pq, result, PG_DIAG_MESSAGE_HINT);
  const kind k = is_lack_of_rights(sqlstate) ? kind::configuration : kind::unavailable;
  return server_failure(k, std::move(words), std::move(sqlstate));
}

failure connect_error(const libpq& pq, const PGconn* session) {
  std::string said = trimmed(pq.error_message(session));
  if (pq.connection_needs_password(session) != 0)
    return failure(
        kind::configuration,
        "could not connect to PostgreSQL: it asks for a password",
        std::move(said),
        "Set PGPASSWORD or PGPASSFILE, or let pg_hba.conf trust this connection.");
  if (pq.connection_used_password(session) != 0)
    return failure(
        kind::configuration,
        "could not connect to PostgreSQL: it refused the password or the role",
        std::move(said),
        "Check PGUSER and PGPASSWORD or the password file.");
  return failure(kind::unavailable, "could not connect to PostgreSQL", std::move(said));
}

failure lost_session(const libpq& pq, const PGconn* session) {
  return failure(
      kind::unavailable,
      "the session with PostgreSQL was lost",
      trimmed(pq.error_message(session)),
      "The server's log says why. A backup that was under way is void.");
}

} // namespace wale::pg
