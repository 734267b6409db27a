#pragma once
// Whether and when a request that failed is sent again: one retry_schedule for each request, from
// its first attempt on. No I/O.

#include "retrying.hpp"

#include <chrono>
#include <exception>
#include <string>
#include <string_view>

namespace wale::store {

/// Evenly spread numbers, another row of them in each process.
random_source make_random_source();

/// Tells the log about repetitions, but not about each: one warning, then one each 30 seconds.
class storm_log {
public:
  void note(const std::string& doing, const failure& f, int attempts);

private:
  std::chrono::steady_clock::time_point told_ = {};
};

class retry_schedule {
public:
  /// The limit's time begins now. All three must outlive the schedule.
  retry_schedule(const retry_policy& policy, const random_source& random, storm_log& log);

  /// What is left of it, at least 1 ms.
  std::chrono::milliseconds left() const;
  /// The pause after an attempt at `doing` that failed with `error`. Rethrows it if it is final or
  /// the policy allows no other attempt, then with a word about how often it was tried.
  std::chrono::milliseconds pause_after(const std::exception_ptr& error, const std::string& doing);
  /// Whether an attempt failed that the server may have done all the same.
  bool unsure() const noexcept { return unsure_; }

private:
  using clock = std::chrono::steady_clock;

  std::chrono::milliseconds after(const failure& f, request_failure::repeat when);
  std::chrono::milliseconds spent() const;
  std::string with_tries(const failure& f) const;

  const retry_policy& policy_;
  const random_source& random_;
  storm_log& log_;
  clock::time_point began_ = clock::now();
  std::chrono::milliseconds limit_;
  std::chrono::milliseconds pause_{0};
  int attempts_ = 0;
  int at_once_ = 0; ///< in a row
  bool unsure_ = false;
};

} // namespace wale::store
