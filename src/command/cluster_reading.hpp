#pragma once
// What all reading of a cluster's files goes through: it is counted, and held back to a rate.

#include "progress.hpp"
#include "rate_limit.hpp"

#include <wale/io/event.hpp>
#include <wale/io/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace wale::command {

class cluster_reading {
public:
  cluster_reading(io::runtime& rt, std::optional<std::uint64_t> bytes_per_second);

  progress_meter& meter() noexcept { return meter_; }

  /// An archive::byte_gate. Only one caller waits for its bytes to become due, the others for that
  /// one: after a moment in which nothing ran, they are not all due together.
  task<std::size_t> pass(std::size_t wanted);

private:
  class turn;
  task<std::size_t> wait_until_due(std::size_t wanted);

  io::runtime& rt_;
  progress_meter meter_;
  std::optional<token_bucket> limit_;
  bool taken_ = false; ///< somebody waits for its bytes
  io::event given_;
};

} // namespace wale::command
