// Fills the table of libpq's functions; a function that is missing means that the library is older
// than any supported one.

#include "libpq.hpp"

#include <wale/base/error.hpp>

#include <dlfcn.h>
#include <string>

namespace wale::pg {

namespace {

failure not_usable(const char* why) {
  return failure(
      kind::configuration,
      "could not load the PostgreSQL client library",
      why != nullptr ? why : "unknown error",
      "Install libpq5 (Debian) or postgresql-libs (others).");
}

template <class Function> void resolve(void* library, const char* name, Function& function) {
  void* symbol = ::dlsym(library, name);
  if (symbol == nullptr) throw not_usable(::dlerror());
  function = reinterpret_cast<Function>(symbol);
}

libpq open_library() {
  void* const lib = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (lib == nullptr) throw not_usable(::dlerror());
  libpq pq{};
  resolve(lib, "PQconnectStartParams", pq.connect_start_params);
  resolve(lib, "PQconnectPoll", pq.connect_poll);
  resolve(lib, "PQfinish", pq.finish);
  resolve(lib, "PQstatus", pq.status);
  resolve(lib, "PQsocket", pq.socket);
  resolve(lib, "PQerrorMessage", pq.error_message);
  resolve(lib, "PQconninfo", pq.conninfo);
  resolve(lib, "PQconninfoFree", pq.conninfo_free);
  resolve(lib, "PQconnectionNeedsPassword", pq.connection_needs_password);
  resolve(lib, "PQconnectionUsedPassword", pq.connection_used_password);
  resolve(lib, "PQsetnonblocking", pq.set_nonblocking);
  resolve(lib, "PQsetNoticeReceiver", pq.set_notice_receiver);
  resolve(lib, "PQserverVersion", pq.server_version);
  resolve(lib, "PQbackendPID", pq.backend_pid);
  resolve(lib, "PQsendQueryParams", pq.send_query_params);
  resolve(lib, "PQflush", pq.flush);
  resolve(lib, "PQconsumeInput", pq.consume_input);
  resolve(lib, "PQisBusy", pq.is_busy);
  resolve(lib, "PQgetResult", pq.get_result);
  resolve(lib, "PQclear", pq.clear);
  resolve(lib, "PQresultStatus", pq.result_status);
  resolve(lib, "PQresultErrorField", pq.result_error_field);
  resolve(lib, "PQresultErrorMessage", pq.result_error_message);
  resolve(lib, "PQntuples", pq.ntuples);
  resolve(lib, "PQnfields", pq.nfields);
  resolve(lib, "PQgetvalue", pq.getvalue);
  resolve(lib, "PQgetlength", pq.getlength);
  resolve(lib, "PQgetisnull", pq.getisnull);
  resolve(lib, "PQgetCancel", pq.get_cancel);
  resolve(lib, "PQcancel", pq.cancel);
  resolve(lib, "PQfreeCancel", pq.free_cancel);
  return pq;
}

} // namespace

const libpq& load_libpq() {
  static const libpq pq = open_library();
  return pq;
}

} // namespace wale::pg
