#pragma once
// Operations on files as the system calls that they are.

#include <wale/io/engine.hpp>

namespace wale::io {

bool is_file_operation(op_kind k) noexcept;

/// The result as an engine tells it. EINTR is gone on with.
int blocking_call(const operation& op) noexcept;

} // namespace wale::io
