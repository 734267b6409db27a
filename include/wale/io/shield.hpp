#pragma once
// Clean-up that must not be interrupted.

#include <wale/io/task.hpp>

namespace wale::io {

/// Runs `body` to its end whatever happens to the awaiting coroutine. If that was cancelled before
/// or meanwhile and `body` succeeded, throws kind::interrupted afterwards. Not nestable.
task<> shield(task<> body);

} // namespace wale::io
