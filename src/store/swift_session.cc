#include "swift_session.hpp"

#include <wale/base/error.hpp>

#include <utility>

namespace wale::store {
swift_session::swift_session(http::client& client, swift_login login)
    : client_(client), login_(std::move(login)) {}

task<swift_access> swift_session::get() {
  while (!held_ && busy_) {
    const unsigned round = round_;
    co_await ended_.wait();
    if (round_ != round && error_) std::rethrow_exception(error_);
  }
  if (held_) co_return *held_;
  busy_ = true;
  std::exception_ptr error;
  try {
    held_ = co_await sign_in();
    proven_ = false;
  } catch (...) {
    error = std::current_exception();
  }
  end(error);
  if (error) std::rethrow_exception(error);
  co_return *held_;
}

// An interruption is this caller's own: somebody who waits takes over.
void swift_session::end(std::exception_ptr error) {
  busy_ = false;
  if (!error || !is_failure(error, kind::interrupted)) {
    error_ = std::move(error);
    ++round_;
  }
  ended_.notify_all();
}

task<swift_access> swift_session::sign_in() {
  constexpr std::size_t largest = 4 * 1024 * 1024; // a catalogue can be long
  const std::string body = compose_login(login_);
  http::request r = login_request(login_, body);
  http::exchange_options how;
  const http::reply answer = co_await client_.perform(login_.origin, std::move(r), how, largest);
  co_return parse_login(login_, answer, answer.body);
}

void swift_session::note(const swift_access& used, bool refused) {
  if (!held_ || !(held_->token == used.token)) return;
  if (!refused) {
    proven_ = true;
    refused_fresh_ = 0;
    return;
  }
  if (!proven_) ++refused_fresh_;
  held_.reset();
}

} // namespace wale::store
