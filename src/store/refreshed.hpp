#pragma once
// Something that is good for a while, kept while it is, and asked for anew ahead of its end:
// credentials, tokens. T has a member `expiry`, a std::optional of a time; without one it is good
// for ever.

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/event.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace wale::store {

/// When to ask again, and until when to use what there is.
struct refresh_times {
  std::chrono::system_clock::time_point ask;
  std::chrono::system_clock::time_point end;
};

/// Asks five minutes and up to one more (`random` is in [0, 1)) before the expiry, of short-lived
/// things after three quarters of their time. What seems to have expired already is used all the
/// same: our clock may be wrong, and services hand out old ones on purpose while they cannot make
/// new ones. Pure.
refresh_times refresh_times_of(
    std::optional<std::chrono::system_clock::time_point> expiry,
    std::chrono::system_clock::time_point now,
    double random);

/// In [0, 1).
double refresh_jitter();

/// One refresh at a time; who comes meanwhile shares its result, or its failure. A refresh ahead of
/// the expiry that fails is tried again a minute later. Cancelling one that waits leaves nothing
/// behind; cancelling the one that refreshes lets another one of them do it.
template <class T> class refreshed {
public:
  /// `what` in words, and the logger that hears of early refreshes that fail.
  refreshed(std::string what, std::string_view logger) : what_(std::move(what)), logger_(logger) {}
  virtual ~refreshed() = default;

  task<T> good() {
    while (true) {
      const auto now = std::chrono::system_clock::now();
      if (held_ && now < times_.ask) co_return *held_;
      if (held_ && now < times_.end && refreshing_) co_return *held_;
      if (!refreshing_) break;
      const std::uint64_t round = round_;
      co_await ended_.wait();
      if (round_ != round && failed_round_ == round_) std::rethrow_exception(error_);
    }
    co_return co_await refresh();
  }

  /// The next good() asks anew.
  void drop() { held_.reset(); }

protected:
  virtual task<T> fetch() = 0;

private:
  task<T> refresh() {
    refreshing_ = true;
    std::optional<T> found;
    std::exception_ptr error;
    try {
      found.emplace(co_await fetch());
    } catch (...) {
      error = std::current_exception();
    }
    refreshing_ = false;
    if (!error) {
      held_ = std::move(found);
      times_ = refresh_times_of(held_->expiry, std::chrono::system_clock::now(), refresh_jitter());
      ++round_;
    } else if (!is_failure(error, kind::interrupted)) {
      ++round_;
      failed_round_ = round_;
      error_ = error;
    }
    // After an interruption, which is this caller's own, a waiter takes over.
    ended_.notify_all();
    if (!error) co_return *held_;
    const auto now = std::chrono::system_clock::now();
    if (is_failure(error, kind::interrupted) || !held_ || times_.end <= now)
      std::rethrow_exception(error);
    times_.ask = now + std::chrono::minutes(1);
    log::debug(
        logger_,
        {"could not refresh " + what_ + " ahead of time", "The present ones are still good."});
    co_return *held_;
  }

  std::string what_;
  std::string_view logger_;
  std::optional<T> held_;
  refresh_times times_{};
  bool refreshing_ = false;
  io::event ended_;
  std::uint64_t round_ = 0;
  std::uint64_t failed_round_ = 0;
  std::exception_ptr error_;
};

} // namespace wale::store
