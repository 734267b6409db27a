#pragma once
// Names to addresses.

#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <cstdint>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace wale::http {

struct address {
  sockaddr_storage storage = {};
  socklen_t length = 0;
  /// `127.0.0.1`, `::1`.
  std::string text() const;
};

/// The addresses of a host, best first (RFC 6724, by the C library), families by turns (RFC 8305,
/// section 4). Throws kind::unavailable, without naming what it is for. A cancelled look-up goes on
/// in a thread that nobody waits for.
task<std::vector<address>> resolve(io::runtime& rt, std::string host, std::uint16_t port);

/// The same order with families by turns, beginning with that of the first. Pure.
std::vector<address> by_turns(std::vector<address> addresses);

} // namespace wale::http
