// Decorrelated jitter as in "Exponential Backoff And Jitter", AWS Architecture Blog.
#include "retry_schedule.hpp"

#include <wale/base/log.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>

namespace wale::store {
namespace {

using std::chrono::milliseconds;

constexpr int most_at_once = 3;
constexpr std::chrono::seconds between_warnings{30};
/// No pause: the schedule gives up.
constexpr milliseconds none{-1};

std::string words_of(const failure& f) {
  const explanation& t = f.text();
  return t.detail.empty() ? t.msg : t.msg + ": " + t.detail;
}

std::string times(int n) {
  return n == 1 ? "1 time" : std::to_string(n) + " times";
}

request_failure::repeat verdict_on(const failure& f) {
  if (const auto* const answered = dynamic_cast<const request_failure*>(&f))
    return answered->when();
  return f.why() == kind::unavailable ? request_failure::repeat::later
                                      : request_failure::repeat::never;
}

milliseconds limit_at(std::chrono::steady_clock::time_point now, const retry_policy& policy) {
  const auto rest = std::chrono::duration_cast<milliseconds>(policy.end - now);
  return std::min(policy.limit, std::max(rest, policy.least));
}

milliseconds asked_for(const failure& f) {
  const auto* const answered = dynamic_cast<const request_failure*>(&f);
  return answered ? answered->pause() : milliseconds(0);
}

} // namespace

milliseconds next_pause(
    const retry_policy& policy, milliseconds pause_before, milliseconds asked, double random) {
  const milliseconds least = policy.first_pause;
  const milliseconds most = std::max(least, 3 * pause_before);
  const auto above = static_cast<double>((most - least).count()) * random;
  const milliseconds pause = least + milliseconds(static_cast<milliseconds::rep>(above));
  return std::max(std::min(pause, policy.longest_pause), asked);
}

random_source make_random_source() {
  std::random_device entropy;
  auto generator = std::make_shared<std::minstd_rand>(entropy());
  return [generator] { return std::uniform_real_distribution<>(0, 1)(*generator); };
}

void storm_log::note(const std::string& doing, const failure& f, int attempts) {
  const auto now = std::chrono::steady_clock::now();
  if (told_ != std::chrono::steady_clock::time_point() && now - told_ < between_warnings) return;
  told_ = now;
  // WAL-E's name and words: people grep for them.
  log::warning(
      "wal_e.retries",
      {"retrying after encountering exception",
       doing + " failed " + times(attempts) + ": " + words_of(f),
       f.text().hint});
}

retry_schedule::retry_schedule(
    const retry_policy& policy, const random_source& random, storm_log& log)
    : policy_(policy), random_(random), log_(log), limit_(limit_at(began_, policy)) {}

milliseconds retry_schedule::spent() const {
  return std::chrono::duration_cast<milliseconds>(clock::now() - began_);
}

milliseconds retry_schedule::left() const {
  return std::max(limit_ - spent(), milliseconds(1));
}

std::string retry_schedule::with_tries(const failure& f) const {
  char tries[64];
  std::snprintf(
      tries,
      sizeof tries,
      "Tried %s in %.3g s.",
      times(attempts_).c_str(),
      std::chrono::duration<double>(spent()).count());
  const std::string& detail = f.text().detail;
  return detail.empty() ? tries : detail + " " + tries;
}

// The pause, or none.
milliseconds retry_schedule::after(const failure& f, request_failure::repeat when) {
  if (policy_.attempts > 0 && attempts_ >= policy_.attempts) return none;
  const milliseconds rest = limit_ - spent();
  if (rest <= milliseconds(0)) return none;
  if (when == request_failure::repeat::at_once && ++at_once_ <= most_at_once)
    return milliseconds(0);

  at_once_ = 0;
  const milliseconds asked = asked_for(f);
  if (asked >= rest || rest < policy_.first_pause) return none;
  pause_ = next_pause(policy_, pause_, asked, random_());
  // A pause to the end of the limit would be for nothing.
  return pause_ < rest ? pause_ : std::max(rest / 2, asked);
}

milliseconds
retry_schedule::pause_after(const std::exception_ptr& error, const std::string& doing) {
  try {
    std::rethrow_exception(error);
  } catch (const failure& f) {
    const request_failure::repeat when = verdict_on(f);
    if (when == request_failure::repeat::never) throw;
    ++attempts_;
    const milliseconds pause = after(f, when);
    if (pause == none) {
      if (const auto* const answered = dynamic_cast<const request_failure*>(&f))
        throw request_failure(
            f.with_detail(with_tries(f)), when, answered->code(), answered->pause());
      throw f.with_detail(with_tries(f));
    }
    if (when != request_failure::repeat::at_once) unsure_ = true;
    // Also what was to be mended and was not: nothing waits in silence.
    if (when != request_failure::repeat::at_once || pause > milliseconds(0))
      log_.note(doing, f, attempts_);
    return pause;
  }
}

} // namespace wale::store
