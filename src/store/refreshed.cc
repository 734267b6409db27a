#include "refreshed.hpp"

#include <algorithm>
#include <random>

namespace wale::store {
namespace {

using std::chrono::system_clock;

constexpr std::chrono::minutes ahead{5};
constexpr std::chrono::minutes jitter{1};
constexpr std::chrono::minutes pause_after_old{5};

} // namespace

double refresh_jitter() {
  static std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

refresh_times refresh_times_of(
    std::optional<system_clock::time_point> expiry, system_clock::time_point now, double random) {
  if (!expiry) return {system_clock::time_point::max(), system_clock::time_point::max()};
  const auto left = *expiry - now;
  if (left <= system_clock::duration::zero())
    return {now + pause_after_old, system_clock::time_point::max()};
  const auto spread = std::chrono::duration_cast<system_clock::duration>(random * jitter);
  const system_clock::duration margin = std::min(ahead + spread, left / 4);
  return {*expiry - margin, *expiry};
}

} // namespace wale::store
