#pragma once
// How fast a cluster may be read: one token bucket for all partitions of a backup.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace wale::command {

/// Pure: it is told the time and says when. Bytes are read as if one after the other at exactly the
/// rate; a reader that comes late may catch up by 40 ms, which is what a busy loop loses. So in any
/// stretch of time t, bytes worth no more than t + 50 ms become due, if they are asked for in
/// portions.
class token_bucket {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `bytes_per_second` is at least 1.
  token_bucket(std::uint64_t bytes_per_second, time_point now)
      : bytes_per_second_(bytes_per_second), free_(now) {}

  /// How many of `wanted` bytes, at least 1, to take at once: worth 10 ms at most.
  std::size_t portion(std::size_t wanted) const;
  /// Takes a portion and says when it may be read: now or later, never before what was taken
  /// earlier.
  time_point take(std::size_t bytes, time_point now);

private:
  std::uint64_t bytes_per_second_;
  time_point free_; ///< when all that was taken by now is paid for
};

} // namespace wale::command
