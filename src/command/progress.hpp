#pragma once
// How far a backup or a restore is. Pure: it is told the time.

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

namespace wale::command {

struct progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;     ///< 0: not known
  double bytes_per_second = 0; ///< of the last 10 seconds, or since the last sample before
};

/// `1.5 GiB of 3.0 GiB (50 %), 120.3 MiB/s, 0:00:13 left`: bytes done, and what of the rest is
/// known.
std::string describe(const progress& p);

/// Whole per cent, rounded down; at most 100, since files may grow while they are counted.
unsigned per_cent(const progress& p);

/// Counts what one run of a command has done.
class progress_meter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit progress_meter(time_point now) { samples_.push_back({now, 0}); }

  void expect(std::uint64_t total) { total_ = total; }
  void add(std::uint64_t bytes) { done_ += bytes; }
  progress sample(time_point now);

private:
  struct count {
    time_point time;
    std::uint64_t done;
  };
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::deque<count> samples_; ///< the first is the one that the rate is counted from
};

} // namespace wale::command
