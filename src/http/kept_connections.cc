// Last in, first out: what was used last is alive most probably, and the others get old and go.
#include "kept_connections.hpp"

#include <utility>

namespace wale::http {
namespace {

/// Shorter than what common servers and NAT gateways allow (60 s and more).
constexpr std::chrono::seconds longest_idle{50};

} // namespace

std::unique_ptr<connection> kept_connections::take(const std::string& route) {
  const auto oldest = std::chrono::steady_clock::now() - longest_idle;
  std::vector<idle>& of_route = idle_[route];
  std::erase_if(of_route, [oldest](const idle& i) { return i.since < oldest; });
  while (!of_route.empty()) {
    auto last = std::move(of_route.back().held);
    of_route.pop_back();
    if (last->is_quiet()) return last;
  }
  return nullptr;
}

void kept_connections::keep(const std::string& route, std::unique_ptr<connection> c) {
  idle_[route].push_back({std::move(c), std::chrono::steady_clock::now()});
}

} // namespace wale::http
