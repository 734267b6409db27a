#pragma once
// How an operation is told to io_uring.

#include <wale/io/engine.hpp>

#include <liburing.h>

namespace wale::io {

/// Fills everything but user_data. `message` is used by sendv and stays where it is until the
/// completion.
void prepare(io_uring_sqe& sqe, const operation& op, msghdr& message) noexcept;

} // namespace wale::io
