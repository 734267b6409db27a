#pragma once
// Times that prove something on a busy machine too.

#include <wale/io/task.hpp>

#include <algorithm>
#include <chrono>

namespace wale::http::test {

/// The shortest of up to five runs, or the first that took less than `enough`: what else the
/// machine does may hold up one of them.
template <class Work>
task<std::chrono::milliseconds> shortest_run(std::chrono::milliseconds enough, const Work& work) {
  auto shortest = std::chrono::milliseconds::max();
  for (int i = 0; i < 5 && shortest >= enough; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    co_await work();
    const auto took = std::chrono::steady_clock::now() - begun;
    shortest = std::min(shortest, std::chrono::duration_cast<std::chrono::milliseconds>(took));
  }
  co_return shortest;
}

} // namespace wale::http::test
