// The body runs as a coroutine of its own, on a cancellation slot that nobody emits to.
#include "cancellation.hpp"

#include <wale/io/event.hpp>
#include <wale/io/shield.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

namespace {

struct outcome {
  bool ended = false;
  std::exception_ptr error;
  event end;
};

} // namespace

task<> shield(task<> body) {
  const auto result = std::make_shared<outcome>();
  auto executor = co_await asio::this_coro::executor;
  auto ended = [result](std::exception_ptr e) {
    result->ended = true;
    result->error = std::move(e);
    result->end.notify_all();
  };
  asio::co_spawn(executor, std::move(body), std::move(ended));
  bool cancelled = false;
  while (!result->ended) {
    try {
      co_await result->end.wait();
    } catch (const failure&) {
      cancelled = true;
    }
  }
  if (result->error) std::rethrow_exception(result->error);
  if (cancelled) throw_cancelled();
}

} // namespace wale::io
