#pragma once
// Small things the two files of target_tree share.

#include <wale/base/error.hpp>
#include <wale/io/failpoint.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <sys/stat.h>

namespace wale::archive {

/// Counts one operation for failpoints.
inline void count_call(const char* call, const std::string& name) {
  if (const int error = io::failpoint())
    throw failure::system(
        error, std::string(call) + " \"" + name + '"', "the restored files cannot be written");
}

/// For futimens(2): the access time is left as it is.
inline std::array<timespec, 2> file_times(std::int64_t mtime_ns) {
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t seconds = mtime_ns / second;
  std::int64_t rest = mtime_ns % second;
  if (rest < 0) {
    --seconds;
    rest += second;
  }
  std::array<timespec, 2> times{};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = seconds;
  times[1].tv_nsec = rest;
  return times;
}

/// The umask, without changing it even for a moment; 0777 if it cannot be learnt.
std::uint32_t current_umask();

} // namespace wale::archive
