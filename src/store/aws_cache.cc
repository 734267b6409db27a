#include "aws_cache.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/event.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <random>
#include <utility>

namespace wale::store {
namespace {

using std::chrono::system_clock;

constexpr std::chrono::minutes ahead{5};
constexpr std::chrono::minutes jitter{1};
constexpr std::chrono::minutes pause_after_failure{1};
constexpr std::chrono::minutes pause_after_old{5};

double random_fraction() {
  static std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

bool is_interruption(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const failure& f) {
    return f.why() == kind::interrupted;
  } catch (...) {
    return false;
  }
}

class refreshing : public credential_source {
public:
  explicit refreshing(std::unique_ptr<credential_provider> provider)
      : provider_(std::move(provider)) {}

  task<aws_credentials> get() override {
    while (true) {
      const auto now = system_clock::now();
      if (held_ && now < times_.ask) co_return *held_;
      if (held_ && now < times_.end && refreshing_) co_return *held_;
      if (!refreshing_) break;
      const std::uint64_t round = round_;
      co_await ended_.wait();
      if (round_ != round && failed_round_ == round_) std::rethrow_exception(error_);
    }
    co_return co_await refresh();
  }

  void forget() override { held_.reset(); }

private:
  task<aws_credentials> refresh() {
    refreshing_ = true;
    std::optional<aws_credentials> found;
    std::exception_ptr error;
    try {
      found = co_await provider_->fetch();
      if (!found) throw failure(kind::bug, "a credential provider gave nothing");
    } catch (...) {
      error = std::current_exception();
    }
    refreshing_ = false;
    if (!error) {
      held_ = std::move(found);
      times_ = times_of(*held_, system_clock::now(), random_fraction());
      ++round_;
    } else if (!is_interruption(error)) {
      ++round_;
      failed_round_ = round_;
      error_ = error;
    }
    // After an interruption, which is this caller's own, a waiter takes over.
    ended_.notify_all();
    if (!error) co_return *held_;
    if (is_interruption(error) || !held_ || times_.end <= system_clock::now())
      std::rethrow_exception(error);
    times_.ask = system_clock::now() + pause_after_failure;
    log::debug(
        "wal_e.blobstore.s3",
        {"could not refresh AWS credentials ahead of time", "The present ones are still good."});
    co_return *held_;
  }

  std::unique_ptr<credential_provider> provider_;
  std::optional<aws_credentials> held_;
  credential_times times_{};
  bool refreshing_ = false;
  io::event ended_;
  std::uint64_t round_ = 0;
  std::uint64_t failed_round_ = 0;
  std::exception_ptr error_;
};

} // namespace

credential_times
times_of(const aws_credentials& keys, system_clock::time_point now, double random) {
  if (!keys.expiry) return {system_clock::time_point::max(), system_clock::time_point::max()};
  const auto left = *keys.expiry - now;
  if (left <= system_clock::duration::zero())
    return {now + pause_after_old, system_clock::time_point::max()};
  const auto spread = std::chrono::duration_cast<system_clock::duration>(random * jitter);
  const system_clock::duration margin = std::min(ahead + spread, left / 4);
  return {*keys.expiry - margin, *keys.expiry};
}

std::unique_ptr<credential_source> make_refreshing(std::unique_ptr<credential_provider> provider) {
  return std::make_unique<refreshing>(std::move(provider));
}

} // namespace wale::store
