// Exchanges through proxies, played by the peer.
#include "client_fixture.hpp"

#include <wale/base/error.hpp>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

const origin far_plain{"http", "far.example", 80};
/// The peer's certificate is for this name.
const origin far_secure{"https", "localhost", 8443};

answer fine(const received_request&) {
  answer a;
  a.body = "ok";
  return a;
}

client_options through(const scripted_peer& p, const std::string& user = "") {
  client_options o = trusting();
  o.http_proxy = o.https_proxy = "http://" + user + "127.0.0.1:" + std::to_string(p.port());
  return o;
}

/// Opens the tunnel into itself, then serves `n` requests under TLS.
scripted_peer::script tunnel(std::string& connect, int n) {
  return [&connect, n](peer_connection& c) {
    connect = c.read_head();
    c.send("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n");
    if (!c.start_tls()) return;
    for (int i = 0; i < n && c.read_request(); ++i)
      c.send_answer({});
    c.wait_for_end();
  };
}

} // namespace

WALE_IO_TEST("a plain exchange tells the proxy the whole URL") {
  const scripted_peer p(fine);
  client c(rt, through(p, "user:pass@"));
  for (int i = 0; i < 2; ++i) {
    const outcome o = co_await try_perform(c, far_plain, get("/a?b"));
    REQUIRE(o.reply->body == "ok");
  }
  REQUIRE(p.requests()[0].target == "http://far.example/a?b");
  REQUIRE(p.requests()[0].header("host") == "far.example");
  // printf user:pass | base64
  REQUIRE(p.requests()[0].header("proxy-authorization") == "Basic dXNlcjpwYXNz");
  REQUIRE(p.connections() == 1);
  co_await c.close();
}

WALE_IO_TEST("a TLS exchange goes through a tunnel, which is kept") {
  std::string connect;
  const scripted_peer p({tunnel(connect, 2)});
  client c(rt, through(p, "user:pass@"));
  for (int i = 0; i < 2; ++i) {
    const outcome o = co_await try_perform(c, far_secure, get("/a"));
    REQUIRE(o.status() == 200);
  }
  REQUIRE(
      connect == "CONNECT localhost:8443 HTTP/1.1\r\nHost: localhost:8443\r\n"
                 "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
  REQUIRE(p.requests()[0].target == "/a");
  REQUIRE(!p.requests()[0].has_header("proxy-authorization"));
  REQUIRE(p.connections() == 1);
  co_await c.close();
}

WALE_IO_TEST("the certificate is the origin's also through a tunnel") {
  std::string connect;
  const scripted_peer p({tunnel(connect, 1)});
  client c(rt, through(p));
  const origin other{"https", "other.example", 443};
  const outcome o = co_await try_perform(c, other, get("/"));
  REQUIRE(o.what().why() == kind::configuration);
  REQUIRE(connect.starts_with("CONNECT other.example:443 HTTP/1.1\r\n"));
}

WALE_IO_TEST("proxies that refuse, hang, break off or say too much") {
  const auto says = [](std::string text) {
    return [text](peer_connection& c) {
      c.read_head();
      c.send(text);
      if (text.empty()) c.stall();
    };
  };
  const scripted_peer p(
      {says("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
       says("HTTP/1.1 403 Forbidden\r\n\r\n"),
       says("HTTP/1.1 503 Busy\r\n\r\n"),
       says("HTTP/1.1 200 OK\r\n\r\nmore"),
       says("HTTP/1.1 200"),
       says("HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x')),
       says("")});
  client_options options = through(p, "user:secret@");
  client c(rt, options);
  options.deadlines.tls = 1500ms;
  client hasty(rt, options);
  const std::string peer =
      "https://localhost:8443 (through the proxy http://127.0.0.1:" + std::to_string(p.port()) +
      ")";
  const std::vector<std::pair<kind, std::string>> expected{
      {kind::configuration,
       "open a tunnel to " + peer + ": the proxy answered CONNECT with status 407"},
      {kind::configuration,
       "open a tunnel to " + peer + ": the proxy answered CONNECT with status 403"},
      {kind::unavailable,
       "open a tunnel to " + peer + ": the proxy answered CONNECT with status 503"},
      {kind::unavailable,
       "open a tunnel to " + peer + ": the proxy says more than that the tunnel is open"},
      {kind::unavailable, "open a tunnel to " + peer + ": Connection reset by peer (errno 104)"},
      {kind::unavailable,
       "open a tunnel to " + peer + ": the proxy's answer to CONNECT is too long"},
      {kind::unavailable, "no tunnel to " + peer + " within 1.5 s"}};
  for (const auto& [why, msg] : expected) {
    client& asking = &msg == &expected.back().second ? hasty : c; // the last one hangs
    const outcome o = co_await try_perform(asking, far_secure, get("/"));
    REQUIRE(o.msg() == msg);
    REQUIRE(o.what().why() == why);
    REQUIRE(o.what().text().detail.find("secret") == std::string::npos);
  }
}

WALE_IO_TEST("who is reached directly") {
  const scripted_peer p(fine);
  const scripted_peer proxy([](const received_request&) {
    answer a;
    a.status = 502;
    return a;
  });
  client_options o = through(proxy);
  client c(rt, o);
  exchange_options direct;
  direct.direct = true;
  const outcome metadata = co_await try_perform(c, origin_of(p), get("/"), direct);
  REQUIRE(metadata.status() == 200);
  const outcome proxied = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(proxied.status() == 502);
  co_await c.close();
  o.no_proxy = "example.com,127.0.0.0/8";
  client excepting(rt, o);
  const outcome named = co_await try_perform(excepting, origin_of(p), get("/"));
  REQUIRE(named.status() == 200);
  REQUIRE(proxy.requests().size() == 1);
  co_await excepting.close();
}
