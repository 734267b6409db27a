// Sockets against a peer in another process, which speaks plain POSIX.
#include "fixture.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

using peer_body = void (*)(int fd);

/// A process that accepts one connection on a loopback port and runs `body` with it.
class peer {
public:
  explicit peer(peer_body body) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto& in = reinterpret_cast<sockaddr_in&>(address_);
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address_), sizeof in) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    socklen_t size = sizeof in;
    REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address_), &size) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::alarm(60);
      body(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
      ::_exit(0);
    }
    ::close(listener);
  }
  ~peer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  const sockaddr_storage& address() const { return address_; }
  static constexpr socklen_t length = sizeof(sockaddr_in);

private:
  sockaddr_storage address_ = {};
  pid_t pid_;
};

void echo(int fd) {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n <= 0) return;
    for (ssize_t at = 0; at < n;)
      at += ::write(fd, buffer.data() + at, std::size_t(n - at));
  }
}

void send_and_close(int fd) {
  (void)!::write(fd, "hello", 5);
}

void wait_for_end(int fd) {
  char byte;
  while (::read(fd, &byte, 1) > 0) {
  }
}

void drip(int fd) {
  for (char c = 'a'; c <= 'j'; ++c) {
    (void)!::write(fd, &c, 1);
    ::usleep(2000);
  }
  wait_for_end(fd);
}

// Not before the connection is used: a reset may also end the connect.
void reset(int fd) {
  char byte;
  (void)!::read(fd, &byte, 1);
  const linger now = {1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd);
}

task<> connect_only(runtime& rt, sockaddr_storage address) {
  const io::socket s = co_await io::socket::connect(rt, address, peer::length);
}

task<> read_into(io::socket& s, std::span<std::byte> into) {
  co_await s.read_some(into);
}

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

WALE_IO_TEST("64 MiB go to a peer and back, both ways at once, ten times connected") {
  const auto out = patterned(6'400'000);
  for (int round = 0; round < 10; ++round) {
    const peer p(echo);
    io::socket s = co_await io::socket::connect(rt, p.address(), peer::length);
    std::vector<std::byte> in(out.size());
    task_group group(rt.context().get_executor());
    group.spawn(s.write(out));
    const std::size_t n = co_await s.read_exactly(in);
    co_await group.join();
    REQUIRE(n == out.size());
    REQUIRE(in == out);
  }
}

WALE_IO_TEST("small requests and answers, one after the other") {
  const peer p(echo);
  io::socket s = co_await io::socket::connect(rt, p.address(), peer::length);
  int on = 0;
  socklen_t size = sizeof on;
  REQUIRE(::getsockopt(s.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
  REQUIRE(on != 0);
  std::vector<std::byte> in(64);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const auto out = patterned(64, i);
    co_await s.write(out);
    co_await s.read_exactly(in);
    REQUIRE(in == out);
  }
}

WALE_IO_TEST("the end of the stream is zero bytes, and a short read_exactly") {
  const peer p(send_and_close);
  io::socket s = co_await io::socket::connect(rt, p.address(), peer::length);
  std::vector<std::byte> in(100);
  const std::size_t n = co_await s.read_exactly(in);
  REQUIRE(text(std::span(in).first(n)) == "hello");
  const std::size_t none = co_await s.read_some(in);
  REQUIRE(none == 0);
}

WALE_IO_TEST("read_exactly waits for every byte of a peer that drips") {
  const peer p(drip);
  io::socket s = co_await io::socket::connect(rt, p.address(), peer::length);
  std::vector<std::byte> in(10);
  const std::size_t n = co_await s.read_exactly(in);
  REQUIRE(text(std::span(in).first(n)) == "abcdefghij");
}

WALE_IO_TEST("refused, reset and unreachable are failures with their number") {
  sockaddr_storage nobody = {};
  {
    const peer p(wait_for_end);
    nobody = p.address();
    const auto accepted = co_await error_of(connect_only(rt, nobody));
    REQUIRE(!accepted);
  }
  const auto refused = co_await error_of(connect_only(rt, nobody));
  REQUIRE(failure_in(refused).error_number() == ECONNREFUSED);
  REQUIRE(failure_in(refused).why() == kind::unavailable);

  const peer p(reset);
  io::socket s = co_await io::socket::connect(rt, p.address(), peer::length);
  std::vector<std::byte> in(10);
  co_await s.write(std::span(in).first(1));
  const auto error = co_await error_of(read_into(s, in));
  REQUIRE(failure_in(error).error_number() == ECONNRESET);
}

WALE_IO_TEST("a cancelled read loses no byte") {
  const peer p(drip);
  io::socket s = co_await io::socket::connect(rt, p.address(), peer::length);
  std::string got;
  auto read_for_ever = [&]() -> task<> {
    std::array<std::byte, 3> in;
    while (got.size() < 10) {
      const std::size_t n = co_await s.read_some(in);
      got += text(std::span(in).first(n));
    }
  };
  while (got.size() < 10) {
    task_group group(rt.context().get_executor());
    group.spawn(read_for_ever());
    co_await rt.sleep(1ms);
    group.cancel();
    co_await group.join();
  }
  REQUIRE(got == "abcdefghij");
}

WALE_IO_TEST("a connect that nobody answers can be cancelled") {
  // A listener whose queue is full drops further SYNs.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage address = {};
  auto& in = reinterpret_cast<sockaddr_in&>(address);
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof in) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  socklen_t length = sizeof in;
  REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  task_group group(rt.context().get_executor());
  std::vector<io::socket> open;
  auto connect_and_keep = [&]() -> task<> {
    open.push_back(co_await io::socket::connect(rt, address, peer::length));
  };
  for (int i = 0; i < 5; ++i)
    group.spawn(connect_and_keep());
  co_await rt.sleep(20ms);
  REQUIRE(group.running() > 0);
  group.cancel();
  co_await group.join();
  ::close(listener);
}
