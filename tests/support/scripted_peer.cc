// One thread accepts, one thread for each connection. The destructor shuts every socket down, which
// ends what the threads wait for, and joins them.
#include "scripted_peer.hpp"

#include "peer_connection.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdexcept>
#include <unistd.h>

namespace wale::test {

std::string noise(std::size_t size, std::uint64_t seed) {
  std::string bytes(size, '\0');
  std::uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;
  for (char& c : bytes) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    c = static_cast<char>(x >> 32);
  }
  return bytes;
}

namespace {

scripted_peer::script script_of(scripted_peer::handler h, scripted_peer::refusal early) {
  return [h = std::move(h), early = std::move(early)](peer_connection& c) {
    while (true) {
      bool refused = false;
      const auto r = c.read_request([&](const received_request& head) {
        const auto refusal = early ? early(head) : std::nullopt;
        if (refusal) c.send_answer(*refusal);
        refused = refusal.has_value();
        return refused;
      });
      if (!r || refused) return;
      if (!c.send_answer(h(*r), r->method == "HEAD")) return;
    }
  };
}

} // namespace

void peer_state::listen() {
  const int family = options.ipv6 ? AF_INET6 : AF_INET;
  listener = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (options.ipv6) ::setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (options.receive_buffer)
    ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
  sockaddr_storage address = {};
  socklen_t length = 0;
  if (options.ipv6) {
    auto& in = reinterpret_cast<sockaddr_in6&>(address);
    in.sin6_family = AF_INET6;
    in.sin6_addr = in6addr_loopback;
    in.sin6_port = htons(options.port);
    length = sizeof in;
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(address);
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons(options.port);
    length = sizeof in;
  }
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener, 64) != 0)
    throw std::runtime_error("scripted peer: cannot listen: " + std::string(std::strerror(errno)));
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  // The port lies at the same place in both.
  port = ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
}

void peer_state::accept() {
  while (true) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex);
    if (stopping || fd < 0) {
      if (fd >= 0) ::close(fd);
      return;
    }
    threads.emplace_back([this, fd, number = accepted++] { serve(fd, number); });
    changed.notify_all();
  }
}

void peer_state::serve(int fd, std::size_t number) {
  // A write into a dead TLS connection must not end the test.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  // An answer must be on its way before a reset follows it.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  live_connection c(*this, fd, number);
  {
    const std::lock_guard lock(mutex);
    open.push_back(&c);
    if (stopping) c.interrupt();
  }
  try {
    if (!options.tls || c.start_tls()) scripts[std::min(number, scripts.size() - 1)](c);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "scripted peer: %s\n", e.what());
  }
}

scripted_peer::scripted_peer(handler h, peer_options o, refusal early)
    : scripted_peer(std::vector<script>{script_of(std::move(h), std::move(early))}, o) {}

scripted_peer::scripted_peer(std::vector<script> scripts, peer_options o)
    : state_(std::make_unique<peer_state>()) {
  state_->scripts = std::move(scripts);
  state_->options = o;
  state_->tls = server_context(o.certificate, o.newest_tls);
  state_->listen();
  state_->acceptor = std::thread([s = state_.get()] { s->accept(); });
}

scripted_peer::~scripted_peer() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    for (live_connection* c : state_->open)
      c->interrupt();
    state_->changed.notify_all();
  }
  ::shutdown(state_->listener, SHUT_RDWR);
  state_->acceptor.join();
  for (std::thread& t : state_->threads)
    t.join();
  ::close(state_->listener);
}

std::uint16_t scripted_peer::port() const noexcept {
  return state_->port;
}

std::string scripted_peer::host() const {
  return state_->options.ipv6 ? "::1" : "127.0.0.1";
}

std::string scripted_peer::url() const {
  const std::string host = state_->options.ipv6 ? "[::1]" : "127.0.0.1";
  return (state_->options.tls ? "https://" : "http://") + host + ":" + std::to_string(port());
}

std::vector<received_request> scripted_peer::requests() const {
  const std::lock_guard lock(state_->mutex);
  return state_->requests;
}

std::size_t scripted_peer::connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->accepted;
}

std::size_t scripted_peer::resumed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->resumed;
}

std::size_t scripted_peer::open_connections() const {
  const std::lock_guard lock(state_->mutex);
  return state_->open.size();
}

bool scripted_peer::wait_for_requests(std::size_t n) const {
  return state_->wait([&] { return state_->requests.size() >= n; });
}

bool scripted_peer::wait_for_connections(std::size_t n) const {
  return state_->wait([&] { return state_->accepted >= n; });
}

bool scripted_peer::wait_for_no_connection() const {
  return state_->wait([&] { return state_->open.empty(); });
}

} // namespace wale::test
