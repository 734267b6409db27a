#pragma once
// How far a TCP connection has come, by the kernel's count.

#include <cstdint>

namespace wale::http {

struct tcp_progress {
  std::uint64_t acknowledged = 0; ///< bytes that the peer's kernel has
  std::uint64_t received = 0;
};

/// Zeros if the kernel does not tell (before 4.1).
tcp_progress progress_of(int fd) noexcept;

} // namespace wale::http
