// Cancelling in every phase leaves nothing behind.
#include "client_fixture.hpp"

#include <wale/base/error.hpp>
#include <wale/io/deadline.hpp>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

task<> perform(client& c, origin to, request what, exchange_options how = exchange_options()) {
  co_await c.perform(to, std::move(what), how);
}

task<> read_body(client& c, origin to, io::block_budget& budget, bool& began) {
  streamed_reply r = co_await c.open(to, get("/"), budget);
  const auto read = [&began](io::source& body) -> task<> {
    while (true) {
      const io::block b = co_await body.next();
      began = true;
      if (!b) break;
    }
  };
  co_await io::with_source(*r.body, read);
}

/// Runs `work`, cancels it after `delay` and once `reached`, and says what it ended with.
task<std::exception_ptr> cancelled(
    io::runtime& rt, task<> work, std::chrono::milliseconds delay, const bool* reached = nullptr) {
  std::exception_ptr error;
  bool ended = false;
  auto note = [&](task<> inner) -> task<> {
    try {
      co_await std::move(inner);
    } catch (...) {
      error = std::current_exception();
    }
    ended = true;
  };
  io::task_group group(rt.context().get_executor());
  group.spawn(note(std::move(work)));
  co_await rt.sleep(delay);
  while (reached && !*reached && !ended)
    co_await rt.sleep(1ms);
  REQUIRE(!ended);
  group.cancel();
  co_await group.join();
  co_return error;
}

} // namespace

WALE_IO_TEST("cancelled while it waits for the handshake, the answer, room to send, or a hundred") {
  const std::string body = noise(30'000'000);
  const auto stall = [](peer_connection& c) { c.stall(); };
  const auto stall_after_head = [](peer_connection& c) {
    c.read_head();
    c.stall();
  };
  for (const bool tls : {false, true}) {
    peer_options o;
    o.tls = tls;
    const scripted_peer p({stall_after_head}, o);
    const scripted_peer mute({stall});
    origin silent = origin_of(mute);
    if (tls) silent.scheme = "https";
    client c(rt, trusting());
    co_await c.warm_up(silent);
    co_await wait_for_socket(rt);
    const std::size_t before = open_descriptors();
    for (const auto delay : {0ms, 1ms, 100ms}) {
      const auto handshake = co_await cancelled(rt, perform(c, silent, get("/")), delay);
      REQUIRE(is_interruption(handshake));
      const auto waiting = co_await cancelled(rt, perform(c, origin_of(p), get("/")), delay);
      REQUIRE(is_interruption(waiting));
      const auto sending = co_await cancelled(rt, perform(c, origin_of(p), put("/", body)), delay);
      REQUIRE(is_interruption(sending));
      const auto hundred =
          co_await cancelled(rt, perform(c, origin_of(p), put("/", body), expecting()), delay);
      REQUIRE(is_interruption(hundred));
    }
    // The peer's threads may have a socket each: only ours count, and they are all closed there.
    co_await c.close();
    // A connection that is just accepted is not among the open ones yet.
    const auto ours_are_closed = [&] {
      return open_descriptors() <= before + p.open_connections() + mute.open_connections();
    };
    for (int i = 0; i < 1000 && !ours_are_closed(); ++i)
      co_await rt.sleep(10ms);
    REQUIRE(ours_are_closed());
  }
}

WALE_IO_TEST("cancelled while the body comes") {
  for (const bool tls : {false, true}) {
    peer_options o;
    o.tls = tls;
    const scripted_peer p(
        {[](peer_connection& c) {
          c.read_request();
          c.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + std::string(300'000, 'x'));
          c.wait_for_end();
        }},
        o);
    client c(rt, trusting());
    io::block_budget budget = co_await rt.blocks().reserve(2);
    bool began = false;
    const auto error =
        co_await cancelled(rt, read_body(c, origin_of(p), budget, began), 20ms, &began);
    REQUIRE(is_interruption(error));
    REQUIRE(began);
    REQUIRE(budget.available() == 2);
    REQUIRE(p.wait_for_no_connection());
    co_await c.close();
  }
}

WALE_IO_TEST("cancelled while it connects and looks up") {
  const black_hole hole;
  client c(rt, {});
  const origin nobody{"http", "::1", hole.port};
  const origin local{"http", "localhost", hole.port};
  co_await wait_for_socket(rt);
  const std::size_t before = open_descriptors();
  for (int turn = 0; turn < 6; ++turn) {
    io::task_group group(rt.context().get_executor());
    group.spawn(perform(c, nobody, get("/")));
    group.spawn(perform(c, nobody, get("/")));
    auto look_up = [&]() -> task<> { co_await try_perform(c, local, get("/")); };
    group.spawn(look_up());
    co_await turns(turn);
    group.cancel();
    co_await group.join();
  }
  const auto connecting = co_await cancelled(rt, perform(c, nobody, get("/")), 100ms);
  REQUIRE(is_interruption(connecting));
  co_await c.close();
  // A look-up that was left alone ends in its own time.
  for (int i = 0; i < 500 && open_descriptors() > before; ++i)
    co_await rt.sleep(10ms);
  REQUIRE(open_descriptors() <= before);
}

WALE_IO_TEST("a client goes on after a cancelled exchange") {
  const scripted_peer p(
      {[](peer_connection& c) {
         c.read_request();
         c.stall();
       },
       [](peer_connection& c) {
         while (c.read_request())
           c.send_answer({});
       }});
  client c(rt, {});
  const auto error = co_await cancelled(rt, perform(c, origin_of(p), get("/")), 50ms);
  REQUIRE(is_interruption(error));
  const outcome o = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(o.status() == 200);
  co_await c.close();
}
