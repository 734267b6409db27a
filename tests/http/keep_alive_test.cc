// Which connections are used again, and what happens to those that died.
#include "client_fixture.hpp"

#include <wale/base/error.hpp>

#include <array>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers `n` requests, then ends the connection without a word.
scripted_peer::script answers(int n) {
  return [n](peer_connection& c) {
    for (int i = 0; i < n && c.read_request(); ++i)
      c.send(ok);
  };
}

scripted_peer::script says(std::string text) {
  return [text = std::move(text)](peer_connection& c) {
    c.read_request();
    c.send(text);
    c.wait_for_end();
  };
}

} // namespace

WALE_IO_TEST("exchanges one after the other share a connection, those at once do not") {
  const auto both = std::make_shared<gate>();
  const scripted_peer p([&](const received_request& r) {
    answer a;
    if (r.target == "/wait") a.after = both;
    return a;
  });
  client c(rt, {});
  for (const char* method : {"GET", "HEAD", "PUT", "POST", "DELETE"}) {
    request r = get("/");
    r.method = method;
    const outcome o = co_await try_perform(c, origin_of(p), std::move(r));
    REQUIRE(o.status() == 200);
  }
  REQUIRE(p.connections() == 1);

  int answered = 0;
  auto one = [&]() -> task<> {
    const outcome o = co_await try_perform(c, origin_of(p), get("/wait"));
    answered += o.status() == 200;
  };
  io::task_group group(rt.context().get_executor());
  group.spawn(one());
  group.spawn(one());
  while (p.requests().size() < 7)
    co_await rt.sleep(1ms);
  both->open();
  co_await group.join();
  REQUIRE(answered == 2);
  REQUIRE(p.connections() == 2);
  for (int i = 0; i < 3; ++i)
    co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(p.connections() == 2);
  co_await c.close();
  REQUIRE(p.wait_for_no_connection());
}

WALE_IO_TEST("a connection that the server closed meanwhile is replaced") {
  const scripted_peer p({answers(1), answers(2)});
  client c(rt, {});
  for (int i = 0; i < 3; ++i) {
    const outcome o = co_await try_perform(c, origin_of(p), get("/"));
    REQUIRE(o.reply->body == "ok");
    if (i == 0) REQUIRE(p.wait_for_no_connection());
  }
  REQUIRE(p.connections() == 2);
  co_await c.close();
}

WALE_IO_TEST("a kept connection that dies with the request is replaced once, if that is harmless") {
  // Takes the second request and closes, or resets.
  const auto drop = [](bool reset) {
    return [reset](peer_connection& c) {
      c.read_request();
      c.send(ok);
      c.read_request();
      if (reset) c.reset();
    };
  };
  const std::string body = noise(100'000);
  for (const bool reset : {false, true}) {
    const scripted_peer p({drop(reset), answers(1)});
    client c(rt, {});
    co_await try_perform(c, origin_of(p), get("/1"));
    const outcome o = co_await try_perform(c, origin_of(p), put("/2", body));
    REQUIRE(o.status() == 200);
    REQUIRE(p.connections() == 2);
    REQUIRE(p.requests().back().body == body);
    co_await c.close();
  }
  {
    const scripted_peer p({drop(false), answers(1)});
    client c(rt, {});
    co_await try_perform(c, origin_of(p), get("/1"));
    request post = put("/2", body);
    post.method = "POST";
    const outcome o = co_await try_perform(c, origin_of(p), std::move(post));
    REQUIRE(o.what().why() == kind::unavailable);
    REQUIRE(p.connections() == 1);
    co_await c.close();
  }
  {
    const scripted_peer p({drop(false), drop(false), [](peer_connection& c) { c.read_request(); }});
    client c(rt, {});
    co_await try_perform(c, origin_of(p), get("/1"));
    const outcome first = co_await try_perform(c, origin_of(p), get("/2"));
    REQUIRE(first.status() == 200);
    const outcome second = co_await try_perform(c, origin_of(p), get("/3"));
    REQUIRE(second.msg() == origin_of(p).text() + ": Connection reset by peer (errno 104)");
    REQUIRE(p.connections() == 3);
    co_await c.close();
  }
}

WALE_IO_TEST("a connection that is not clean is not used again") {
  for (const std::string& text : std::vector<std::string>{
           ok + "excess",
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
           "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 "
           "200"}) {
    INFO(text);
    const scripted_peer p({says(text), answers(1)});
    client c(rt, {});
    for (int i = 0; i < 2; ++i) {
      const outcome o = co_await try_perform(c, origin_of(p), get("/"));
      REQUIRE(o.reply->body == "ok");
    }
    REQUIRE(p.connections() == 2);
    co_await c.close();
  }
}

WALE_IO_TEST("bytes that nobody asked for, after the answer, end the connection too") {
  gate said;
  gate go;
  const scripted_peer p(
      {[&](peer_connection& c) {
         c.read_request();
         c.send(ok);
         c.wait(go);
         c.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
         said.open();
         c.wait_for_end();
       },
       answers(1)});
  client c(rt, {});
  co_await try_perform(c, origin_of(p), get("/"));
  go.open();
  REQUIRE(said.wait_for(60s));
  co_await rt.sleep(20ms);
  const outcome o = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(o.status() == 200);
  REQUIRE(p.connections() == 2);
  co_await c.close();
}

WALE_IO_TEST("a body that is closed before its end drops its connection") {
  const scripted_peer p([](const received_request&) {
    answer a;
    a.body = noise(2'000'000);
    return a;
  });
  client c(rt, {});
  io::block_budget budget = co_await rt.blocks().reserve(2);
  for (int i = 0; i < 2; ++i) {
    streamed_reply r = co_await c.open(origin_of(p), get("/"), budget);
    REQUIRE(r.length == 2'000'000);
    const io::block first = co_await r.body->next();
    REQUIRE(first.size() == io::block::payload);
    co_await r.body->close();
  }
  REQUIRE(p.connections() == 2);
  co_await c.close();
  REQUIRE(p.wait_for_no_connection());
}

WALE_IO_TEST("answers without a body leave the connection usable") {
  const scripted_peer p([](const received_request& r) {
    answer a;
    a.status = r.target == "/204" ? 204 : r.target == "/304" ? 304 : 200;
    if (r.method == "HEAD") a.headers = {{"Content-Length", "12345"}};
    return a;
  });
  client c(rt, {});
  const outcome head_only = co_await try_perform(c, origin_of(p), head("/"));
  REQUIRE(head_only.reply->headers.get("content-length") == "12345");
  REQUIRE(head_only.reply->body.empty());
  const outcome none = co_await try_perform(c, origin_of(p), get("/204"));
  REQUIRE(none.status() == 204);
  const outcome unmodified = co_await try_perform(c, origin_of(p), get("/304"));
  REQUIRE(unmodified.status() == 304);
  REQUIRE(p.connections() == 1);
  co_await c.close();
}

WALE_IO_TEST("an answer that nobody asked for is not taken for the next one's, under TLS either") {
  for (const bool tls : {false, true}) {
    peer_options o;
    o.tls = tls;
    std::array<gate, 2> said;
    const auto twice = [&said](peer_connection& c) {
      c.read_request();
      c.send(ok + "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      said[0].open();
      c.wait_for_end();
    };
    // Under TLS a record of its own, in one segment with the other or not.
    const auto one_by_one = [&said](peer_connection& c) {
      c.read_request();
      c.send(ok);
      c.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      said[1].open();
      c.wait_for_end();
    };
    const scripted_peer p({twice, one_by_one, answers(1)}, o);
    client c(rt, trusting());
    for (std::size_t i = 0; i < 3; ++i) {
      const outcome result = co_await try_perform(c, origin_of(p), get("/"));
      REQUIRE(result.status() == 200);
      if (i < said.size()) REQUIRE(said.at(i).wait_for(60s));
      co_await rt.sleep(20ms);
    }
  }
}
