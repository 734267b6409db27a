#include "cluster_reading.hpp"

#include <chrono>

namespace wale::command {
namespace {

using clock = std::chrono::steady_clock;

// So that a small file does not cost a timer.
constexpr std::chrono::milliseconds worth_waiting{1};

} // namespace

// Given back on every path.
class cluster_reading::turn {
public:
  explicit turn(cluster_reading& of) : of_(of) { of_.taken_ = true; }
  ~turn() {
    of_.taken_ = false;
    of_.given_.notify_one();
  }
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;

private:
  cluster_reading& of_;
};

cluster_reading::cluster_reading(io::runtime& rt, std::optional<std::uint64_t> bytes_per_second)
    : rt_(rt), meter_(clock::now()) {
  if (bytes_per_second) limit_.emplace(*bytes_per_second, clock::now());
}

task<std::size_t> cluster_reading::pass(std::size_t wanted) {
  std::size_t bytes = wanted;
  if (limit_) bytes = co_await wait_until_due(wanted);
  meter_.add(bytes);
  co_return bytes;
}

task<std::size_t> cluster_reading::wait_until_due(std::size_t wanted) {
  while (taken_)
    co_await given_.wait();
  const turn mine(*this);
  const std::size_t bytes = limit_->portion(wanted);
  const clock::time_point now = clock::now();
  const auto pause = limit_->take(bytes, now) - now;
  if (pause > worth_waiting) co_await rt_.sleep(pause);
  co_return bytes;
}

} // namespace wale::command
