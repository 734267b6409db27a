#pragma once
// What libpq reports, in our words.

#include "libpq.hpp"

#include <wale/pg/connection.hpp>

#include <string>

namespace wale::pg {

/// Without the newline at the end that libpq's messages have.
std::string trimmed(const char* message);

/// An error the server gave as the answer to a statement.
server_failure error_of(const libpq& pq, const PGresult* result);

/// A connection that could not be made. Has no hint yet where the cause is neither password nor
/// role.
failure connect_error(const libpq& pq, const PGconn* session);

/// A session that ended while it was in use.
failure lost_session(const libpq& pq, const PGconn* session);

} // namespace wale::pg
