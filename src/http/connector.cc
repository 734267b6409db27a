// A race: attempts are children of one group, started by another child, ended by the first that
// succeeds or by the clock.
#include "connector.hpp"

#include "deadline_watch.hpp"

#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <utility>

namespace wale::http {

namespace asio = boost::asio;

namespace {

struct race {
  race(io::runtime& r, std::string p)
      : rt(r), peer(std::move(p)), next(r.context()), runners(r.context().get_executor()) {}

  io::runtime& rt;
  std::string peer;
  asio::steady_timer next; ///< cancelled when an attempt has ended
  io::task_group runners;
  std::size_t running = 0;
  bool timed_out = false;
  std::optional<io::socket> winner;
  std::optional<failure> last; ///< of the attempts
  std::string tried;
};

task<> attempt(race& r, address a) {
  try {
    io::socket s = co_await io::socket::connect(r.rt, a.storage, a.length);
    if (!r.winner) r.winner.emplace(std::move(s));
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    r.tried += (r.tried.empty() ? "" : "\n") + a.text() + ": " + describe_errno(f.error_number());
    r.last = f;
  }
  --r.running;
  if (r.winner) r.runners.cancel();
  r.next.cancel();
}

task<bool> pause(race& r, asio::steady_timer::duration longest) {
  boost::system::error_code ended_early;
  r.next.expires_after(longest);
  co_await r.next.async_wait(asio::redirect_error(asio::use_awaitable, ended_early));
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  co_return cancellation.cancelled() == asio::cancellation_type::none;
}

task<> start_all(race& r, std::vector<address> addresses) {
  for (address& a : addresses) {
    ++r.running;
    r.runners.spawn(attempt(r, a));
    if (!co_await pause(r, attempt_delay)) co_return;
  }
  while (r.running) {
    if (!co_await pause(r, std::chrono::hours(24))) co_return;
  }
  r.runners.cancel();
}

task<> look_up_and_start(race& r, std::string host, std::uint16_t port) {
  try {
    auto addresses = co_await resolve(r.rt, std::move(host), port);
    co_await start_all(r, std::move(addresses));
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    throw f.with_msg("connect to " + r.peer + ": " + f.text().msg);
  }
}

task<> expire(race& r, std::chrono::milliseconds limit) {
  co_await r.rt.sleep(limit);
  r.timed_out = true;
  r.runners.cancel();
}

task<io::socket> run(race& r, std::chrono::milliseconds limit, task<> starter) {
  r.runners.spawn(std::move(starter));
  r.runners.spawn(expire(r, limit));
  co_await r.runners.join();
  if (r.winner) co_return std::move(*r.winner);
  if (r.timed_out)
    throw failure(
        kind::unavailable,
        "no connection to " + r.peer + " within " + text_of(limit),
        r.tried,
        "Is the endpoint right, and reachable from here?");
  if (!r.last)
    throw failure(kind::unavailable, "connect to " + r.peer + ": the name has no address");
  throw r.last->with_msg("connect to " + r.peer + ": " + describe_errno(r.last->error_number()))
      .with_detail(r.tried)
      .with_hint("Is the endpoint right, and reachable from here?");
}

} // namespace

task<io::socket> connect_to(
    io::runtime& rt,
    std::string host,
    std::uint16_t port,
    std::chrono::milliseconds limit,
    std::string peer) {
  race r(rt, std::move(peer));
  co_return co_await run(r, limit, look_up_and_start(r, std::move(host), port));
}

task<io::socket> connect_to(
    io::runtime& rt,
    std::vector<address> addresses,
    std::chrono::milliseconds limit,
    std::string peer) {
  race r(rt, std::move(peer));
  co_return co_await run(r, limit, start_all(r, std::move(addresses)));
}

} // namespace wale::http
