// Long requests: asked for before they are sent, and refused while they are.
#include "client_fixture.hpp"
#include "shortest_run.hpp"

#include <wale/base/error.hpp>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

std::optional<answer> forbidden(const received_request&) {
  answer a;
  a.status = 403;
  a.body = "<Code>AccessDenied</Code>";
  return a;
}

answer fine(const received_request&) {
  return {};
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
}

} // namespace

WALE_IO_TEST("100 Continue is waited for, once for each connection") {
  const std::string body = noise(500'000);
  auto twice = [&]() -> task<> {
    const scripted_peer p(fine);
    client c(rt, {});
    for (int i = 0; i < 2; ++i) {
      const outcome o = co_await try_perform(c, origin_of(p), put("/", body), expecting());
      REQUIRE(o.status() == 200);
    }
    const auto requests = p.requests();
    REQUIRE(requests[0].header("expect") == "100-continue");
    REQUIRE(requests[0].body == body);
    REQUIRE(!requests[1].has_header("expect"));
    REQUIRE(requests[1].body == body);
    REQUIRE(p.connections() == 1);
    co_await c.close();
  };
  const auto took = co_await shortest_run(900ms, twice);
  REQUIRE(took < 900ms);
}

WALE_IO_TEST(
    "a server that does not answer the expectation gets the body after a second, and is known") {
  const auto silent = [](peer_connection& c) {
    const std::string head = c.read_head();
    const std::string body = c.read(100'000);
    const bool whole =
        head.find("Content-Length: 100000\r\n") != head.npos && body.size() == 100'000;
    c.send(whole ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" : "");
  };
  const scripted_peer p({silent});
  client c(rt, {});
  const std::string body = noise(100'000);
  const auto begun = std::chrono::steady_clock::now();
  const outcome first = co_await try_perform(c, origin_of(p), put("/", body), expecting());
  REQUIRE(first.status() == 200);
  REQUIRE(since(begun) >= 1s);
  REQUIRE(since(begun) < 20s);
  std::size_t connections = 1;
  auto again = [&]() -> task<> {
    const outcome o = co_await try_perform(c, origin_of(p), put("/", body), expecting());
    REQUIRE(o.status() == 200);
    ++connections;
  };
  const auto took = co_await shortest_run(900ms, again);
  REQUIRE(took < 900ms);
  REQUIRE(p.connections() == connections);
  co_await c.close();
}

WALE_IO_TEST("an expectation that is refused spares the body") {
  const scripted_peer p(fine, {}, forbidden);
  client c(rt, {});
  const std::string body = noise(20'000'000);
  const outcome o = co_await try_perform(c, origin_of(p), put("/", body), expecting());
  REQUIRE(o.status() == 403);
  REQUIRE(o.reply->body == "<Code>AccessDenied</Code>");
  REQUIRE(p.requests().size() == 1);
  co_await c.close();
}

WALE_IO_TEST("a server that dislikes to be asked gets the request without the question") {
  const scripted_peer p(fine, {}, [](const received_request& r) -> std::optional<answer> {
    if (!r.has_header("expect")) return std::nullopt;
    answer a;
    a.status = 417;
    return a;
  });
  client c(rt, {});
  const std::string body = noise(100'000);
  for (int i = 0; i < 2; ++i) {
    const outcome o = co_await try_perform(c, origin_of(p), put("/", body), expecting());
    REQUIRE(o.status() == 200);
  }
  REQUIRE(p.requests().size() == 3);
  REQUIRE(p.requests().back().body == body);
  co_await c.close();
}

WALE_IO_TEST("a refusal while the body is being sent is read, however the server ends") {
  enum class ending { keeps_reading_nothing, closes, resets };
  const std::string body = noise(30'000'000);
  for (const bool tls : {false, true}) {
    for (const ending how : {ending::keeps_reading_nothing, ending::closes, ending::resets}) {
      peer_options o;
      o.tls = tls;
      gate answered;
      const scripted_peer p(
          {[&answered, how](peer_connection& c) {
            c.read_head();
            c.read(100'000);
            c.send("HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nNoSuchBucket");
            if (how == ending::keeps_reading_nothing) c.wait(answered);
            // A reset must not overtake what it follows.
            if (how == ending::resets) c.wait(answered);
            if (how == ending::resets) c.reset();
          }},
          o);
      client c(rt, trusting());
      if (how == ending::closes) answered.open();
      const auto begun = std::chrono::steady_clock::now();
      const outcome r = co_await try_perform(c, origin_of(p), put("/", body));
      REQUIRE(r.status() == 404);
      REQUIRE(r.reply->body == "NoSuchBucket");
      REQUIRE(since(begun) < 20s);
      answered.open();
      co_await c.close();
      REQUIRE(p.wait_for_no_connection());
    }
  }
}

WALE_IO_TEST("a chunked refusal and a connection that breaks without one") {
  const std::string body = noise(30'000'000);
  const scripted_peer chunked({[](peer_connection& c) {
    c.read_head();
    c.send("HTTP/1.1 503 Slow Down\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nSlow\r\n5\r\n "
           "Down\r\n0\r\n\r\n");
    c.wait_for_end();
  }});
  client c(rt, {});
  const outcome o = co_await try_perform(c, origin_of(chunked), put("/", body));
  REQUIRE(o.status() == 503);
  REQUIRE(o.reply->body == "Slow Down");
  const scripted_peer broken({[](peer_connection& p) {
    p.read_head();
    p.read(100'000);
    p.reset();
  }});
  const auto begun = std::chrono::steady_clock::now();
  const outcome reset = co_await try_perform(c, origin_of(broken), put("/key", body));
  REQUIRE(reset.what().why() == kind::unavailable);
  REQUIRE(reset.msg().find(origin_of(broken).text() + ": ") == 0);
  REQUIRE(reset.what().text().detail == "PUT /key, sending the request.");
  REQUIRE(since(begun) < 20s);
  co_await c.close();
}

WALE_IO_TEST("an early yes does not spare the body") {
  const std::string body = noise(30'000'000);
  const scripted_peer p(
      {[&](peer_connection& c) {
         c.read_head();
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
         if (c.read(body.size()) == body) c.wait_for_end();
       },
       [](peer_connection& c) {
         c.read_head();
         c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
       }});
  client c(rt, {});
  const outcome o = co_await try_perform(c, origin_of(p), put("/", body));
  REQUIRE(o.status() == 200);
  REQUIRE(p.connections() == 1);
  co_await c.close();
  // Nor is it believed if the body did not get through.
  const outcome lie = co_await try_perform(c, origin_of(p), put("/", body));
  REQUIRE(lie.what().why() == kind::unavailable);
  co_await c.close();
}
