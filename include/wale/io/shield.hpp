#pragma once
// Clean-up that must not be interrupted.

#include <wale/io/task.hpp>

namespace wale::io {

/// Runs `body`, which nothing cancels, to its end. If the awaiting coroutine was cancelled before
/// or meanwhile and `body` succeeded, throws kind::interrupted afterwards.
task<> shield(task<> body);

} // namespace wale::io
