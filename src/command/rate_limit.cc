// Virtual scheduling: instead of tokens, the time is kept at which the last of them is used up.
#include "rate_limit.hpp"

#include <algorithm>

namespace wale::command {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t portions_per_second = 100;
constexpr std::chrono::milliseconds catching_up{40};

} // namespace

std::size_t token_bucket::portion(std::size_t wanted) const {
  const std::uint64_t most = std::max<std::uint64_t>(bytes_per_second_ / portions_per_second, 1);
  return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, most));
}

token_bucket::time_point token_bucket::take(std::size_t bytes, time_point now) {
  constexpr std::uint64_t second = 1'000'000'000;
  const nanoseconds cost(bytes * second / bytes_per_second_ + 1); // rounded up: never too fast
  free_ = std::max(free_, now - catching_up) + cost;
  return std::max(free_, now);
}

} // namespace wale::command
