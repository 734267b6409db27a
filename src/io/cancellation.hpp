#pragma once
// How a cancellation reaches a coroutine.
//
// Asio raises it once, at whatever the coroutine waits for. A coroutine may be cancelled while it
// waits for nothing, or its operation may win the race; then the next thing it waits for throws.
// A thrown interruption is spent: the clean-up that follows it can do I/O again.

#include <wale/base/error.hpp>

#include <boost/asio/cancellation_state.hpp>

namespace wale::io {

/// True, once, if the coroutine whose state this is was cancelled.
inline bool take_cancellation(boost::asio::cancellation_state state) noexcept {
  if (state.cancelled() == boost::asio::cancellation_type::none) return false;
  state.clear();
  return true;
}

[[noreturn]] inline void throw_cancelled() {
  throw failure(kind::interrupted, "interrupted", "the operation was cancelled");
}

} // namespace wale::io
