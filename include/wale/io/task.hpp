#pragma once
// The one coroutine type. A task is lazy, owned by whoever awaits it, and runs on the I/O thread.
// Cancelling one leaves behind what the function's own comment says; nothing else.

#include <boost/asio/awaitable.hpp>

namespace wale {

template <class T = void> using task = boost::asio::awaitable<T>;

} // namespace wale
