// Exchanges that go well, on plain connections.
#include "client_fixture.hpp"

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

answer echo(const received_request& r) {
  answer a;
  a.headers = {{"X-Method", r.method}, {"X-Target", r.target}};
  a.body = r.body;
  return a;
}

} // namespace

WALE_IO_TEST("a body goes out and comes back, of no bytes, one, and many in pieces") {
  const scripted_peer p(echo);
  client c(rt, {});
  for (const std::size_t size : {0UL, 1UL, 5000UL, 300'000UL, 9'000'001UL}) {
    const std::string body = noise(size);
    request r = put("/a%20b?x=1", body);
    const auto whole = r.body.front();
    r.body = {
        whole.first(size / 3), whole.subspan(size / 3, size / 3), whole.subspan(size / 3 * 2)};
    const outcome o = co_await try_perform(c, origin_of(p), std::move(r));
    REQUIRE(o.status() == 200);
    REQUIRE(o.reply->body == body);
    REQUIRE(o.reply->headers.get("x-target") == "/a%20b?x=1");
  }
  const auto requests = p.requests();
  REQUIRE(requests.size() == 5);
  REQUIRE(requests[0].header("content-length") == "0");
  REQUIRE(requests[4].header("content-length") == "9000001");
  REQUIRE(requests[4].header("host") == origin_of(p).authority());
  REQUIRE(p.connections() == 1);
  co_await c.close();
}

WALE_IO_TEST("a body streams into blocks") {
  const std::string body = noise(3'000'001);
  const scripted_peer p([&](const received_request& r) {
    answer a;
    a.body = body;
    a.chunked = r.target == "/chunked";
    a.unframed = r.target == "/close";
    return a;
  });
  client c(rt, {});
  io::block_budget budget = co_await rt.blocks().reserve(2);
  for (const char* target : {"/length", "/chunked", "/close"}) {
    streamed_reply r = co_await c.open(origin_of(p), get(target), budget);
    REQUIRE(r.status == 200);
    REQUIRE(r.body);
    const std::string got = co_await read_all(*r.body);
    REQUIRE(got == body);
    REQUIRE(budget.available() == 2);
  }
  REQUIRE(p.connections() == 1);
  co_await c.close();
}
