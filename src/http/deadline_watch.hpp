#pragma once
// The deadlines of one connection: one timer that shuts the socket down when the current phase has
// taken too long, which ends every operation on it, on both engines and under TLS. Entering a phase
// costs next to nothing, which is why this is no race of tasks.

#include <wale/base/error.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace wale::http {

enum class phase {
  none,
  tunnel,    ///< a proxy's answer to CONNECT
  handshake, ///< of TLS
  sending,   ///< counted from the last byte that the peer acknowledged
  answering, ///< likewise: what is still in the socket's buffer is on its way
  receiving, ///< counted from the last byte that came
  exchange,  ///< all of it
};

class deadline_watch {
public:
  explicit deadline_watch(boost::asio::io_context& loop);
  ~deadline_watch();
  deadline_watch(const deadline_watch&) = delete;
  deadline_watch& operator=(const deadline_watch&) = delete;

  /// The socket to watch; it must be released by watch(-1), or by destruction, before it is closed.
  void watch(int fd);
  /// Begins an exchange that must have ended within `limit`.
  void begin(std::chrono::milliseconds limit);
  void enter(phase p, std::chrono::milliseconds limit);
  /// Nobody waits for the peer now.
  void leave();

  bool expired() const noexcept;
  /// What to throw once expired() is true; `peer` names the origin.
  failure expiry(const std::string& peer) const;

private:
  struct state;
  std::shared_ptr<state> state_;
};

/// `60 s`, `0.25 s`.
std::string text_of(std::chrono::milliseconds limit);

} // namespace wale::http
