// The kernel counts what was acknowledged and received (TCP_INFO), so nothing has to be told here
// while bytes move. The counters are looked at four times within a limit.
#include "deadline_watch.hpp"

#include "tcp_progress.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cstdint>
#include <sys/socket.h>

namespace wale::http {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

struct deadline_watch::state : std::enable_shared_from_this<state> {
  explicit state(asio::io_context& loop) : timer(loop) {}

  asio::steady_timer timer;
  int fd = -1;
  phase now = phase::none;
  std::chrono::milliseconds limit{};
  clock::time_point since;
  std::uint64_t counted = 0;
  std::chrono::milliseconds exchange_limit{};
  clock::time_point exchange_end = clock::time_point::max();
  bool waiting = false;
  clock::time_point wake;
  phase expired = phase::none;

  bool is_elastic() const {
    return now == phase::sending || now == phase::answering || now == phase::receiving;
  }

  std::uint64_t count() const {
    const tcp_progress p = progress_of(fd);
    return now == phase::receiving ? p.received : p.acknowledged;
  }

  void arm(clock::time_point from) {
    clock::time_point next = since + limit;
    if (is_elastic()) next = std::min(next, from + limit / 4);
    next = std::min(next, exchange_end);
    if (waiting && wake <= next) return;
    waiting = true;
    wake = next;
    timer.expires_at(next);
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error) return;
      self->waiting = false;
      self->check();
    });
  }

  void check() {
    if (now == phase::none || expired != phase::none) return;
    const clock::time_point time = clock::now();
    if (is_elastic()) {
      const std::uint64_t counter = count();
      if (counter != counted) since = time;
      counted = counter;
    }
    if (time >= exchange_end) {
      expire(phase::exchange);
    } else if (time >= since + limit) {
      expire(now);
    } else {
      arm(time);
    }
  }

  void expire(phase p) {
    expired = p;
    if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
  }
};

deadline_watch::deadline_watch(asio::io_context& loop) : state_(std::make_shared<state>(loop)) {}

deadline_watch::~deadline_watch() {
  watch(-1);
  state_->timer.cancel();
}

void deadline_watch::watch(int fd) {
  state_->fd = fd;
  if (fd < 0) state_->now = phase::none;
}

void deadline_watch::begin(std::chrono::milliseconds limit) {
  state_->exchange_limit = limit;
  state_->exchange_end = clock::now() + limit;
}

void deadline_watch::enter(phase p, std::chrono::milliseconds limit) {
  if (expired()) return; // its phase and limit are what is told
  state_->now = p;
  state_->limit = limit;
  state_->since = clock::now();
  if (state_->is_elastic()) state_->counted = state_->count();
  state_->arm(state_->since);
}

void deadline_watch::leave() {
  state_->now = phase::none;
}

bool deadline_watch::expired() const noexcept {
  return state_->expired != phase::none;
}

failure deadline_watch::expiry(const std::string& peer) const {
  const std::string limit = text_of(state_->limit);
  const char* const hint = "Is the server, or the network on the way to it, overloaded or gone?";
  switch (state_->expired) {
  case phase::tunnel:
    return failure(kind::unavailable, "no tunnel to " + peer + " within " + limit, {}, hint);
  case phase::handshake:
    return failure(
        kind::unavailable, "no TLS handshake with " + peer + " within " + limit, {}, hint);
  case phase::sending:
    return failure(kind::unavailable, peer + " took no byte for " + limit, {}, hint);
  case phase::answering:
    return failure(kind::unavailable, "no answer from " + peer + " within " + limit, {}, hint);
  case phase::receiving:
    return failure(kind::unavailable, "no byte from " + peer + " for " + limit, {}, hint);
  default:
    return failure(
        kind::unavailable,
        "the exchange with " + peer + " did not end within " + text_of(state_->exchange_limit),
        {},
        hint);
  }
}

std::string text_of(std::chrono::milliseconds limit) {
  const auto count = limit.count();
  std::string text = std::to_string(count / 1000);
  if (const auto rest = count % 1000; rest != 0) {
    std::string digits = std::to_string(1000 + rest).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text + " s";
}

} // namespace wale::http
