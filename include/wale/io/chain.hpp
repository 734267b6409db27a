#pragma once
// Work of which each piece needs the one before it.

#include <deque>
#include <functional>
#include <mutex>

namespace wale::io {

/// The order of what runtime::offload_in_order() runs: one link at a time, whichever thread of the
/// pool takes it. Chains do not wait for each other. Outlives the calls that name it.
class chain {
public:
  chain() = default;
  chain(const chain&) = delete;
  chain& operator=(const chain&) = delete;

private:
  friend class offload_pool;

  /// Calls `begin`, now or when all who entered before have left.
  void enter(std::function<void()> begin);
  /// From any thread.
  void leave();

  std::mutex mutex_;
  std::deque<std::function<void()>> waiting_;
  bool is_taken_ = false;
};

} // namespace wale::io
