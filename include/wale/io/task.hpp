#pragma once
// The one coroutine type. A task is lazy, owned by whoever awaits it, and runs on the I/O thread.
// Cancelling one leaves behind what the function's own comment says; nothing else.
//
// A cancellation is told once: what the coroutine waits for, or waits for next, throws
// kind::interrupted. The clean-up that follows can do I/O again. Clean-up that may also run when
// nothing was thrown yet is put under shield().

#include <boost/asio/awaitable.hpp>

namespace wale {

template <class T = void> using task = boost::asio::awaitable<T>;

} // namespace wale
