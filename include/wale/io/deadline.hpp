#pragma once
// Time budgets.

#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <string>

namespace wale::io {

/// Awaits `work` for at most `limit`, then cancels it, waits for it and throws kind::unavailable,
/// which names `doing` and the limit. If the work does not end within a second of being cancelled,
/// a warning names it.
task<> within(runtime& rt, std::chrono::milliseconds limit, std::string doing, task<> work);

} // namespace wale::io
