// Servers that lie, break off and never end.
#include "client_fixture.hpp"

#include <wale/base/error.hpp>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

task<outcome> ask(io::runtime& rt, scripted_peer::script script, std::string target = "/") {
  const scripted_peer p({std::move(script)});
  client c(rt, {});
  outcome o = co_await try_perform(c, origin_of(p), get(std::move(target)));
  co_await c.close();
  co_return o;
}

scripted_peer::script says(std::string text, bool reset = false) {
  return [text = std::move(text), reset](peer_connection& c) {
    c.read_request();
    c.send(text);
    if (reset) c.reset();
  };
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

WALE_IO_TEST("an answer that ends inside its head, at every byte, is a failure") {
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  for (std::size_t n = 0; n < text.size(); ++n) {
    const outcome o = co_await ask(rt, says(text.substr(0, n)));
    REQUIRE(o.what().why() == kind::unavailable);
    REQUIRE(holds(o.msg(), "Connection reset by peer"));
  }
}

WALE_IO_TEST("a body that ends early is a failure that says how far it came") {
  const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  for (std::size_t n = 0; n < 10; ++n) {
    const outcome o =
        co_await ask(rt, says(length + std::string(n, 'x')), "/key?X-Amz-Signature=secret");
    const failure f = o.what();
    REQUIRE(f.why() == kind::unavailable);
    REQUIRE(holds(f.text().msg, "http://127.0.0.1:"));
    REQUIRE(holds(f.text().msg, "the answer is cut short"));
    REQUIRE(holds(
        f.text().detail,
        "GET /key, receiving the answer after " + std::to_string(n) + " of 10 bytes"));
    REQUIRE(!holds(f.text().detail, "secret"));
  }
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string body = "3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t n = 0; n < body.size(); ++n) {
    const outcome o = co_await ask(rt, says(chunks + body.substr(0, n)));
    REQUIRE(holds(o.msg(), "the answer is cut short"));
  }
}

WALE_IO_TEST("a short body is a failure of the stream too, also by reset") {
  for (const bool reset : {false, true}) {
    const scripted_peer p([reset](const received_request&) {
      answer a;
      a.body = noise(1'000'000);
      a.cut_body_at = 600'000;
      a.reset = reset;
      return a;
    });
    client c(rt, {});
    io::block_budget budget = co_await rt.blocks().reserve(3);
    streamed_reply r = co_await c.open(origin_of(p), get("/key"), budget);
    REQUIRE(r.length == 1'000'000);
    std::exception_ptr error;
    try {
      co_await read_all(*r.body);
    } catch (...) {
      error = std::current_exception();
    }
    const failure f = failure_in(error);
    REQUIRE(f.why() == kind::unavailable);
    if (!reset) REQUIRE(holds(f.text().detail, "after 600000 of 1000000 bytes"));
    REQUIRE(budget.available() == 3);
    co_await c.close();
  }
}

WALE_IO_TEST("heads without end and answers without sense") {
  const auto endless = [](const std::string& line) {
    return [line](peer_connection& c) {
      c.read_request();
      c.send("HTTP/1.1 200 OK\r\n");
      while (c.send(line)) {
      }
    };
  };
  for (const std::string& line : {std::string("X: y\r\n"), std::string(1000, 'x')}) {
    const outcome o = co_await ask(rt, endless(line));
    REQUIRE(holds(o.msg(), "the answer is malformed"));
    REQUIRE(holds(o.what().text().detail, "longer than 65536 bytes"));
  }
  const outcome interim = co_await ask(rt, [](peer_connection& c) {
    c.read_request();
    while (c.send("HTTP/1.1 102 Processing\r\n\r\n")) {
    }
  });
  REQUIRE(holds(interim.what().text().detail, "interim"));
  const outcome switching = co_await ask(rt, says("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
  REQUIRE(holds(switching.msg(), "malformed"));
  for (const char* text :
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n"}) {
    const outcome o = co_await ask(rt, says(text));
    REQUIRE(o.what().why() == kind::unavailable);
    REQUIRE(holds(o.msg(), "malformed"));
  }
}

WALE_IO_TEST("interim answers before the final one are skipped") {
  const outcome o = co_await ask(
      rt,
      says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  REQUIRE(o.reply->body == "ok");
}

WALE_IO_TEST("bodies longer than wanted are refused, errors come whole with the head") {
  const scripted_peer p([](const received_request& r) {
    answer a;
    a.status = r.target == "/404" ? 404 : 500;
    a.headers = {{"Retry-After", "7"}};
    a.body = std::string(r.target == "/huge" ? 2'000'000 : 3000, 'e');
    a.chunked = true;
    return a;
  });
  client c(rt, {});
  io::block_budget budget = co_await rt.blocks().reserve(1);
  const streamed_reply r = co_await c.open(origin_of(p), get("/404"), budget);
  REQUIRE(r.status == 404);
  REQUIRE(!r.body);
  REQUIRE(r.error_body == std::string(3000, 'e'));
  REQUIRE(r.headers.get("retry-after") == "7");
  REQUIRE(p.connections() == 1);
  std::exception_ptr error;
  try {
    co_await c.open(origin_of(p), get("/huge"), budget);
  } catch (...) {
    error = std::current_exception();
  }
  REQUIRE(holds(failure_in(error).text().msg, "the answer is too long"));
  std::exception_ptr second;
  exchange_options how;
  try {
    co_await c.perform(origin_of(p), get("/"), how, 2999);
  } catch (...) {
    second = std::current_exception();
  }
  REQUIRE(holds(failure_in(second).text().detail, "more than 2999 bytes"));
  REQUIRE(p.connections() == 2);
  co_await c.close();
}

WALE_IO_TEST("nobody listens") {
  std::uint16_t port = 0;
  {
    port = scripted_peer([](const received_request&) { return answer(); }).port();
  }
  client c(rt, {});
  const origin nobody{"http", "127.0.0.1", port};
  const outcome o = co_await try_perform(c, nobody, get("/"));
  REQUIRE(o.what().why() == kind::unavailable);
  REQUIRE(o.msg() == "connect to " + nobody.text() + ": Connection refused (errno 111)");
  REQUIRE(o.what().error_number() == ECONNREFUSED);
  // Labels have 63 characters at most (RFC 1035, 2.3.4), so no name server is asked.
  const origin unnamed{"http", std::string(70, 'x'), 80};
  const outcome name = co_await try_perform(c, unnamed, get("/"));
  REQUIRE(name.what().why() == kind::unavailable);
  REQUIRE(holds(name.msg(), "connect to " + unnamed.text() + ": a name cannot be looked up"));
  co_await c.close();
}

WALE_IO_TEST("the server's clock") {
  const scripted_peer p([](const received_request&) {
    answer a;
    a.headers = {{"Date", "Thu, 01 Jan 2099 00:00:00 GMT"}};
    return a;
  });
  client c(rt, {});
  REQUIRE(!c.clock_offset(origin_of(p)));
  co_await try_perform(c, origin_of(p), get("/"));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto offset = c.clock_offset(origin_of(p)).value();
  // date -d '2099-01-01 UTC' +%s
  REQUIRE(std::chrono::abs(offset + now - 4070908800s) < 60s);
  co_await c.close();
}
