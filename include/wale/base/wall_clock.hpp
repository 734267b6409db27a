#pragma once
// The time of day, as files and objects have it.

#include <chrono>
#include <cstdint>

namespace wale {

/// Nanoseconds since 1970; may jump, so no wait is measured by it.
inline std::int64_t now_ns() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count();
}

} // namespace wale
