#pragma once
// A client and peers to talk to.

#include "../io/fixture.hpp"
#include "support/scripted_peer.hpp"

#include <wale/http/client.hpp>

#include <filesystem>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace wale::http::test {

using namespace wale::io::test;
using wale::test::answer;
using wale::test::gate;
using wale::test::noise;
using wale::test::peer_connection;
using wale::test::peer_options;
using wale::test::received_request;
using wale::test::scripted_peer;

inline origin origin_of(const scripted_peer& p) {
  return parse_url(p.url()).origin;
}

inline client_options trusting() {
  client_options o;
  o.ca_file = wale::test::ca_file();
  return o;
}

inline request get(std::string target) {
  request r;
  r.target = std::move(target);
  return r;
}

inline request head(std::string target) {
  request r = get(std::move(target));
  r.method = "HEAD";
  return r;
}

/// `body` must outlive the exchange.
inline request put(std::string target, const std::string& body) {
  request r;
  r.method = "PUT";
  r.target = std::move(target);
  r.body.push_back(bytes_of(body));
  return r;
}

inline exchange_options expecting() {
  exchange_options how;
  how.expect_continue = true;
  return how;
}

/// The reply, or what was thrown instead.
struct outcome {
  std::optional<http::reply> reply;
  std::exception_ptr error;

  int status() const {
    if (error) std::rethrow_exception(error);
    return reply->status;
  }
  failure what() const { return failure_in(error); }
  std::string msg() const { return what().text().msg; }
};

inline task<outcome> try_perform(client& c, origin to, request what, exchange_options how = {}) {
  outcome o;
  try {
    o.reply = co_await c.perform(std::move(to), std::move(what), std::move(how));
  } catch (...) {
    o.error = std::current_exception();
  }
  co_return o;
}

/// All of a body; closes it.
inline task<std::string> read_all(io::source& body) {
  std::string text;
  std::exception_ptr error;
  try {
    while (true) {
      const io::block b = co_await body.next();
      if (!b) break;
      const auto bytes = b.bytes();
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  } catch (...) {
    error = std::current_exception();
  }
  co_await body.close();
  if (error) std::rethrow_exception(error);
  co_return text;
}

/// The engine has opened what it opens when it first has to wait for a socket.
inline task<> wait_for_socket(io::runtime& rt) {
  std::pair<io::socket, io::socket> pair = socket_pair(rt);
  std::array<std::byte, 1> byte;
  io::task_group group(rt.context().get_executor());
  auto read = [&]() -> task<> { co_await pair.first.read_some(byte); };
  group.spawn(read());
  co_await turns();
  group.cancel();
  co_await group.join();
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

/// A port of ::1 that takes SYNs and answers none.
class black_hole {
public:
  black_hole() : listener_(make_socket()), filler_(make_socket()) {
    sockaddr_in6 a = {};
    a.sin6_family = AF_INET6;
    a.sin6_addr = in6addr_loopback;
    socklen_t length = sizeof a;
    auto* const where = reinterpret_cast<sockaddr*>(&a);
    REQUIRE(::bind(listener_, where, length) == 0);
    REQUIRE(::listen(listener_, 0) == 0);
    REQUIRE(::getsockname(listener_, where, &length) == 0);
    port = ntohs(a.sin6_port);
    REQUIRE(::connect(filler_, where, length) == 0);
  }
  black_hole(const black_hole&) = delete;
  black_hole& operator=(const black_hole&) = delete;
  ~black_hole() {
    ::close(filler_);
    ::close(listener_);
  }
  std::uint16_t port = 0;

private:
  static int make_socket() { return ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0); }
  int listener_;
  int filler_;
};

} // namespace wale::http::test
