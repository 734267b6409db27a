#include "swift_account.hpp"

#include "swift_json.hpp"

#include <algorithm>
#include <utility>

namespace wale::store {
namespace {

void authorize(http::request& r, const swift_access& access) {
  r.target = access.path + r.target;
  r.headers.add("X-Auth-Token", access.token.reveal());
}

} // namespace

swift_account::swift_account(
    io::runtime& rt, std::unique_ptr<http::client> client, swift_login login)
    : runtime_(rt), client_(std::move(client)), session_(*client_, std::move(login)) {}

task<> swift_account::warm_up() {
  co_await session_.get();
}

task<http::reply> swift_account::send(http::request r, http::exchange_options how) {
  const swift_access access = co_await session_.get();
  authorize(r, access);
  http::reply answer = co_await client_->perform(access.origin, std::move(r), how);
  session_.note(access, answer.status == 401);
  co_return answer;
}

task<http::streamed_reply> swift_account::open(http::request r, io::block_budget& budget) {
  const swift_access access = co_await session_.get();
  authorize(r, access);
  http::streamed_reply answer = co_await client_->open(access.origin, std::move(r), budget);
  session_.note(access, answer.status == 401);
  co_return answer;
}

request_failure swift_account::mend(const swift_verdict& v) const {
  const bool hopeless = v.meaning == swift_meaning::stale_token && !session_.may_help();
  return hopeless ? v.unmended() : v.failure;
}

task<std::size_t> swift_account::removals_at_once() {
  constexpr std::size_t most = 1000; // a report at a time that arrives before patience ends
  if (removals_at_once_) co_return *removals_at_once_;
  const swift_access access = co_await session_.get();
  http::request r;
  r.target = "/info";
  const http::reply answer = co_await client_->perform(access.origin, std::move(r));
  const bool told = answer.status == 200;
  const std::size_t found = told ? bulk_limit_in(answer.body).value_or(1) : 1;
  // A server that is busy may offer it all the same.
  if (answer.status < 500) removals_at_once_ = std::min(found, most);
  co_return std::min(found, most);
}

task<> swift_account::close() {
  co_await client_->close();
}

} // namespace wale::store
