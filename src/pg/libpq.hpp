#pragma once
// libpq, opened at run time: it brings some thirty libraries along, 4 ms of start-up that a
// wal-push does not need. Types and constants come from its header, the functions from libpq.so.5.

#include <libpq-fe.h>

namespace wale::pg {

struct libpq {
  decltype(&PQconnectStartParams) connect_start_params;
  decltype(&PQconnectPoll) connect_poll;
  decltype(&PQfinish) finish;
  decltype(&PQstatus) status;
  decltype(&PQsocket) socket;
  decltype(&PQerrorMessage) error_message;
  decltype(&PQconninfo) conninfo;
  decltype(&PQconninfoFree) conninfo_free;
  decltype(&PQconnectionNeedsPassword) connection_needs_password;
  decltype(&PQconnectionUsedPassword) connection_used_password;
  decltype(&PQsetnonblocking) set_nonblocking;
  decltype(&PQsetNoticeReceiver) set_notice_receiver;
  decltype(&PQserverVersion) server_version;
  decltype(&PQbackendPID) backend_pid;
  decltype(&PQsendQueryParams) send_query_params;
  decltype(&PQflush) flush;
  decltype(&PQconsumeInput) consume_input;
  decltype(&PQisBusy) is_busy;
  decltype(&PQgetResult) get_result;
  decltype(&PQclear) clear;
  decltype(&PQresultStatus) result_status;
  decltype(&PQresultErrorField) result_error_field;
  decltype(&PQresultErrorMessage) result_error_message;
  decltype(&PQntuples) ntuples;
  decltype(&PQnfields) nfields;
  decltype(&PQgetvalue) getvalue;
  decltype(&PQgetlength) getlength;
  decltype(&PQgetisnull) getisnull;
  decltype(&PQgetCancel) get_cancel;
  decltype(&PQcancel) cancel;
  decltype(&PQfreeCancel) free_cancel;
};

/// The library, loaded by the first call. Throws kind::configuration where there is none.
const libpq& load_libpq();

} // namespace wale::pg
