#pragma once
// The last words of a restore.

#include "restore_target.hpp"

#include <wale/base/error.hpp>

namespace wale::command {

/// What was kept, and how the server is to be started. Blocks shortly.
explanation restore_report(const restore_target& target);

} // namespace wale::command
