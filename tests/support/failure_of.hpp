#pragma once
// What an action failed with.

#include <wale/base/error.hpp>

#include <functional>
#include <optional>

namespace wale::test {

/// nullopt if it did not. Other exceptions than failure pass.
inline std::optional<failure> failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const failure& f) {
    return f;
  }
  return std::nullopt;
}

} // namespace wale::test
