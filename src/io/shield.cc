// A filter on the coroutine's cancellation state keeps the signal from reaching what `body` waits
// for, and remembers it.
#include "cancellation.hpp"

#include <wale/io/shield.hpp>

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

namespace {

struct remember {
  bool* cancelled;
  asio::cancellation_type_t operator()(asio::cancellation_type_t) const noexcept {
    *cancelled = true;
    return asio::cancellation_type::none;
  }
};

} // namespace

task<> shield(task<> body) {
  auto before = co_await asio::this_coro::cancellation_state;
  bool cancelled = take_cancellation(before);
  const remember filter{&cancelled};
  co_await asio::this_coro::reset_cancellation_state(filter);
  std::exception_ptr error;
  try {
    co_await std::move(body);
  } catch (...) {
    error = std::current_exception();
  }
  co_await asio::this_coro::reset_cancellation_state();
  if (error) std::rethrow_exception(error);
  if (cancelled) throw_cancelled();
}

} // namespace wale::io
