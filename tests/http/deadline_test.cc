// Every wait ends.
#include "client_fixture.hpp"

#include <wale/base/error.hpp>

#include <sys/socket.h>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

client_options patience(std::chrono::milliseconds each) {
  client_options o = trusting();
  o.deadlines = {each, each, each, each, 60s};
  return o;
}

// Only for what is tested: on a busy machine nothing else is sure to be as quick.
client_options
patience_for(std::chrono::milliseconds deadlines::*wait, std::chrono::milliseconds time) {
  client_options o = patience(30s);
  o.deadlines.*wait = time;
  return o;
}

void stall(peer_connection& c) {
  c.stall();
}

void stall_after_request(peer_connection& c) {
  c.read_request();
  c.stall();
}

} // namespace

WALE_IO_TEST("no connection") {
  // A listener whose queue is full drops further SYNs.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const address = reinterpret_cast<sockaddr*>(&in);
  socklen_t length = sizeof in;
  REQUIRE(::bind(listener, address, length) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  REQUIRE(::getsockname(listener, address, &length) == 0);
  const int filler = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(filler, address, length) == 0);
  const origin full{"http", "127.0.0.1", ntohs(in.sin_port)};
  client c(rt, patience_for(&deadlines::connect, 300ms));
  const outcome o = co_await try_perform(c, full, get("/"));
  REQUIRE(o.what().why() == kind::unavailable);
  REQUIRE(o.msg() == "no connection to " + full.text() + " within 0.3 s");
  exchange_options how;
  how.connect_limit = 50ms;
  const outcome shorter = co_await try_perform(c, full, get("/"), how);
  REQUIRE(shorter.msg() == "no connection to " + full.text() + " within 0.05 s");
  ::close(filler);
  ::close(listener);
}

WALE_IO_TEST("no handshake") {
  const scripted_peer p({stall});
  client c(rt, patience_for(&deadlines::tls, 200ms));
  origin to = origin_of(p);
  to.scheme = "https";
  const outcome o = co_await try_perform(c, to, get("/"));
  REQUIRE(o.msg() == "no TLS handshake with " + to.text() + " within 0.2 s");
  REQUIRE(o.what().why() == kind::unavailable);
}

WALE_IO_TEST("no answer, no rest of a head, no rest of a body") {
  const auto says = [](std::string text) {
    return [text](peer_connection& c) {
      c.read_request();
      c.send(text);
      c.stall();
    };
  };
  for (const bool tls : {false, true}) {
    peer_options o;
    o.tls = tls;
    const scripted_peer p(
        {stall_after_request,
         says("HTTP/1.1 200 OK\r\nContent-"),
         says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"),
         says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")},
        o);
    client head(rt, patience_for(&deadlines::first_byte, 250ms));
    const std::string name = origin_of(p).text();
    for (int i = 0; i < 2; ++i) {
      const outcome r = co_await try_perform(head, origin_of(p), get("/key"));
      REQUIRE(r.msg() == "no answer from " + name + " within 0.25 s");
      REQUIRE(r.what().text().detail == "GET /key, waiting for the answer.");
    }
    co_await head.close();
    client body(rt, patience_for(&deadlines::idle, 250ms));
    for (int i = 0; i < 2; ++i) {
      const outcome r = co_await try_perform(body, origin_of(p), get("/key"));
      REQUIRE(r.msg() == "no byte from " + name + " for 0.25 s");
      REQUIRE(r.what().why() == kind::unavailable);
    }
    co_await body.close();
  }
}

WALE_IO_TEST("a body that ends with its connection has not ended when nothing more comes") {
  const scripted_peer p({[](peer_connection& c) {
    c.read_request();
    c.send("HTTP/1.0 200 OK\r\n\r\nhalf of it");
    c.stall();
  }});
  client c(rt, patience_for(&deadlines::idle, 250ms));
  const outcome r = co_await try_perform(c, origin_of(p), get("/key"));
  REQUIRE(r.msg() == "no byte from " + origin_of(p).text() + " for 0.25 s");
  co_await c.close();
}

WALE_IO_TEST("a server that stops taking the request") {
  const scripted_peer p({[](peer_connection& c) {
    c.read_head();
    c.stall();
  }});
  client c(rt, patience_for(&deadlines::idle, 300ms));
  const std::string body = noise(30'000'000);
  const outcome o = co_await try_perform(c, origin_of(p), put("/key", body));
  REQUIRE(o.msg() == origin_of(p).text() + " took no byte for 0.3 s");
  co_await c.close();
}

WALE_IO_TEST("a drip within the limit is waited for, one above is not") {
  const auto drips = [](std::chrono::milliseconds pause) {
    return [pause](peer_connection& c) {
      c.read_request();
      c.send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
      c.drip("twelve bytes", pause);
      c.stall();
    };
  };
  const scripted_peer p({drips(150ms), drips(900ms)});
  client patient(rt, patience_for(&deadlines::idle, 1500ms));
  const outcome good = co_await try_perform(patient, origin_of(p), get("/"));
  if (good.error) FAIL(good.msg());
  REQUIRE(good.reply->body == "twelve bytes");
  co_await patient.close();
  client c(rt, patience_for(&deadlines::idle, 400ms));
  const outcome bad = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(bad.msg() == "no byte from " + origin_of(p).text() + " for 0.4 s");
  co_await c.close();
}

WALE_IO_TEST("a request that is taken slowly is waited for") {
  const std::string body = noise(6'000'000);
  peer_options small;
  small.receive_buffer = 64 * 1024;
  const scripted_peer p(
      {[&](peer_connection& c) {
        c.read_head();
        std::size_t got = 0;
        while (got < body.size()) {
          std::this_thread::sleep_for(40ms);
          const std::string piece = c.read(std::min<std::size_t>(100'000, body.size() - got));
          if (piece.empty()) return;
          got += piece.size();
        }
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      }},
      small);
  client c(rt, patience_for(&deadlines::idle, 2000ms));
  const outcome o = co_await try_perform(c, origin_of(p), put("/", body));
  if (o.error) FAIL(o.msg());
  REQUIRE(o.status() == 200);
  co_await c.close();
}

WALE_IO_TEST("the whole exchange has an end, however lively it is") {
  const scripted_peer p([](const received_request&) {
    answer a;
    a.body = std::string(1000, 'x');
    a.piece = 1;
    a.pause = 20ms;
    return a;
  });
  client_options o = patience(10s);
  o.deadlines.exchange = 300ms;
  client c(rt, o);
  const outcome whole = co_await try_perform(c, origin_of(p), get("/"));
  // What was spent before the answer is not in the figure.
  const std::string words = "the exchange with " + origin_of(p).text() + " did not end within 0.";
  REQUIRE_THAT(whole.msg(), Catch::Matchers::StartsWith(words));
  exchange_options how;
  how.limit = 100ms;
  const outcome shorter = co_await try_perform(c, origin_of(p), get("/"), how);
  REQUIRE_THAT(shorter.msg(), Catch::Matchers::StartsWith(words));
  co_await c.close();
}

WALE_IO_TEST("nobody is timed out while he is not waited for") {
  const std::string content = noise(1'000'000); // before anybody waits for it
  const scripted_peer p([&content](const received_request&) {
    answer a;
    a.body = content;
    return a;
  });
  client c(rt, patience(1500ms));
  io::block_budget budget = co_await rt.blocks().reserve(2);
  streamed_reply r = co_await c.open(origin_of(p), get("/"), budget);
  const io::block first = co_await r.body->next();
  co_await rt.sleep(1800ms);
  const std::string rest = co_await read_all(*r.body);
  REQUIRE(first.size() + rest.size() == 1'000'000);
  co_await rt.sleep(1800ms);
  const outcome o = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(o.status() == 200);
  REQUIRE(p.connections() == 1);
  co_await c.close();
}
