// Happy eyeballs: the better address first, the other one soon.
#include "client_fixture.hpp"
#include "connector.hpp"
#include "shortest_run.hpp"

#include <wale/base/error.hpp>

#include <arpa/inet.h>

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;
using namespace std::chrono_literals;

namespace {

address make(const char* text, std::uint16_t port) {
  address a;
  auto& six = reinterpret_cast<sockaddr_in6&>(a.storage);
  auto& four = reinterpret_cast<sockaddr_in&>(a.storage);
  if (::inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    a.length = sizeof six;
  } else {
    REQUIRE(::inet_pton(AF_INET, text, &four.sin_addr) == 1);
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    a.length = sizeof four;
  }
  return a;
}

answer fine(const received_request&) {
  return {};
}

std::string family_of(const io::socket& s) {
  sockaddr_storage a = {};
  socklen_t length = sizeof a;
  ::getpeername(s.descriptor(), reinterpret_cast<sockaddr*>(&a), &length);
  return a.ss_family == AF_INET6 ? "::1" : "127.0.0.1";
}

std::uint16_t refused_port() {
  return scripted_peer(fine).port();
}

} // namespace

TEST_CASE("families take turns") {
  std::vector<address> mixed;
  for (const char* text : {"::1", "::2", "::3", "192.0.2.1", "192.0.2.2"})
    mixed.push_back(make(text, 1));
  std::string order;
  for (const address& a : by_turns(mixed))
    order += a.text() + " ";
  REQUIRE(order == "::1 192.0.2.1 ::2 192.0.2.2 ::3 ");
  std::string four_first;
  for (const address& a : by_turns({make("192.0.2.1", 1), make("::1", 1), make("::2", 1)}))
    four_first += a.text() + " ";
  REQUIRE(four_first == "192.0.2.1 ::1 ::2 ");
  REQUIRE(by_turns({}).empty());
}

WALE_IO_TEST("the first address wins if it answers, the next one is not even tried") {
  peer_options six;
  six.ipv6 = true;
  const scripted_peer first(fine, six);
  const scripted_peer second(fine);
  std::vector<address> addresses{make("::1", first.port()), make("127.0.0.1", second.port())};
  const io::socket s = co_await connect_to(rt, addresses, 5s, "peer");
  REQUIRE(family_of(s) == "::1");
  REQUIRE(second.connections() == 0);
}

WALE_IO_TEST("an address that refuses makes place for the next at once") {
  const scripted_peer p(fine);
  std::vector<address> addresses{make("::1", refused_port()), make("127.0.0.1", p.port())};
  auto connect = [&]() -> task<> {
    const io::socket s = co_await connect_to(rt, addresses, 60s, "peer");
    REQUIRE(family_of(s) == "127.0.0.1");
  };
  const auto took = co_await shortest_run(200ms, connect);
  REQUIRE(took < 200ms);
}

WALE_IO_TEST("an address that does not answer makes place after a quarter of a second") {
  const black_hole hole;
  const scripted_peer p(fine);
  std::vector<address> addresses{make("::1", hole.port), make("127.0.0.1", p.port())};
  co_await wait_for_socket(rt);
  const std::size_t before = open_descriptors();
  auto connect = [&]() -> task<> {
    const io::socket s = co_await connect_to(rt, addresses, 60s, "peer");
    REQUIRE(family_of(s) == "127.0.0.1");
  };
  const auto took = co_await shortest_run(900ms, connect);
  REQUIRE(took >= 250ms);
  REQUIRE(took < 900ms);
  // The peer's thread accepts and closes its end in its own time.
  REQUIRE(p.wait_for_connections(1));
  for (int i = 0; i < 500 && open_descriptors() > before; ++i)
    co_await rt.sleep(10ms);
  REQUIRE(open_descriptors() == before);
}

WALE_IO_TEST("all addresses are named if none answers") {
  std::vector<address> addresses{make("::1", refused_port()), make("127.0.0.1", refused_port())};
  std::exception_ptr error;
  try {
    co_await connect_to(rt, addresses, 5s, "https://bucket.example");
  } catch (...) {
    error = std::current_exception();
  }
  const failure f = failure_in(error);
  REQUIRE(f.text().msg == "connect to https://bucket.example: Connection refused (errno 111)");
  REQUIRE(
      f.text().detail ==
      "::1: Connection refused (errno 111)\n127.0.0.1: Connection refused (errno 111)");
}

WALE_IO_TEST("a name is looked up, an address is taken as it is") {
  const auto local = co_await resolve(rt, "localhost", 80);
  REQUIRE(!local.empty());
  const auto four = co_await resolve(rt, "127.0.0.1", 8080);
  REQUIRE(four.size() == 1);
  REQUIRE(four[0].text() == "127.0.0.1");
  REQUIRE(ntohs(reinterpret_cast<const sockaddr_in&>(four[0].storage).sin_port) == 8080);
  const auto six = co_await resolve(rt, "::1", 80);
  REQUIRE(six.size() == 1);
  REQUIRE(six[0].text() == "::1");
}

WALE_IO_TEST("an exchange over IPv6") {
  peer_options o;
  o.ipv6 = true;
  const scripted_peer p(fine, o);
  client c(rt, {});
  const outcome r = co_await try_perform(c, origin_of(p), get("/"));
  REQUIRE(r.status() == 200);
  REQUIRE(p.requests()[0].header("host") == "[::1]:" + std::to_string(p.port()));
  co_await c.close();
}
