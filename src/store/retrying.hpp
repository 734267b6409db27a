#pragma once
// Repeats what may succeed later: the one place in the program that does.

#include "bucket.hpp"

#include <wale/io/runtime.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace wale::store {

struct retry_policy {
  int attempts = 100;                      ///< at each request; 0: no limit but that of time
  std::chrono::milliseconds limit{60'000}; ///< of one request, pauses included
  std::chrono::milliseconds first_pause{100};
  std::chrono::milliseconds longest_pause{20'000};
  /// Of all requests together; but each has `least`.
  std::chrono::steady_clock::time_point end = std::chrono::steady_clock::time_point::max();
  std::chrono::milliseconds least{1'000};
};

/// Numbers in [0, 1), evenly spread.
using random_source = std::function<double()>;

/// The pause after a failure, where `pause_before` was the one after the failure before, 0 if this
/// is the first: decorrelated jitter, between first_pause and three times the pause before, at most
/// longest_pause; at least what the server asked for. Pure: `random` is in [0, 1).
std::chrono::milliseconds next_pause(
    const retry_policy& policy,
    std::chrono::milliseconds pause_before,
    std::chrono::milliseconds asked_for,
    double random);

/// The same requests, each repeated as long as the policy allows; an attempt gets no more time than
/// is left of the limit. What fails because the policy allows no more says how often and how long
/// it was tried. A put that meets its own object of an attempt whose answer was lost has stored it.
/// Not repeated: warm_up(), close(), and keys that the answer to remove() names.
/// `random` spreads the pauses; empty gives a source of its own.
std::unique_ptr<bucket> make_retrying(
    io::runtime& rt, std::unique_ptr<bucket> inner, retry_policy policy, random_source random = {});

} // namespace wale::store
