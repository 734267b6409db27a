#pragma once
// The beginning of a download.

#include "bucket.hpp"

#include <wale/http/client.hpp>
#include <wale/io/task.hpp>

#include <functional>

namespace wale::store {

/// The object whose body follows `answer`, a success; `facts_in` reads its head. If that throws,
/// the body is closed first: an exchange that nobody ends would hold its connection.
task<opened_object> opened(
    http::streamed_reply answer, std::function<object_facts(const http::streamed_reply&)> facts_in);

} // namespace wale::store
