// Two coroutines over one connection: one sends, one reads heads until the final one.
#include "conversation.hpp"

#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace wale::http {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// How long a server may take over `100 Continue` before the body goes out unasked.
constexpr auto longest_expectation = 1s;
/// How long an answer is waited for after the request could not be sent: it is on its way or lost.
constexpr auto last_words = 2s;
constexpr int most_interim_answers = 16;
/// A request that certainly fits into the socket's buffer is sent before anything is read.
constexpr std::size_t surely_taken = 32 * 1024;

std::exception_ptr premature() {
  return std::make_exception_ptr(failure(
      kind::unavailable,
      "the answer is malformed",
      "It says that all went well before all of the request was sent."));
}

class conversation {
public:
  conversation(connection& over, outgoing what)
      : over_(over), what_(std::move(what)), permission_(over.runtime().context()),
        both_(over.runtime().context().get_executor()) {}

  task<incoming> run();

private:
  task<> talk();
  task<> send();
  task<> send_all();
  task<> listen();
  task<> await_permission();
  void take(answer_head head);

  connection& over_;
  outgoing what_;
  asio::steady_timer permission_;
  io::task_group both_;
  bool permitted_ = false;
  bool sent_ = false;
  bool ignored_ = false;
  bool was_expired_ = false; ///< when sending failed
  std::exception_ptr send_error_;
  std::optional<answer_head> answer_;
};

task<> conversation::await_permission() {
  if (permitted_ || answer_) co_return;
  boost::system::error_code told;
  permission_.expires_after(longest_expectation);
  co_await permission_.async_wait(asio::redirect_error(asio::use_awaitable, told));
  ignored_ = !permitted_ && !answer_ && !told;
}

task<> conversation::send_all() {
  const std::span<const std::byte> head = bytes_of(what_.head);
  over_.watch().enter(phase::sending, over_.limits().idle);
  if (what_.expects_continue) {
    co_await over_.stream().write(std::span(&head, 1));
    co_await await_permission();
    if (answer_) co_return;
    co_await over_.stream().write(what_.body);
  } else {
    body_pieces all;
    all.reserve(what_.body.size() + 1);
    all.push_back(head);
    all.insert(all.end(), what_.body.begin(), what_.body.end());
    co_await over_.stream().write(all);
  }
  sent_ = true;
}

// A failed send ends nothing: the answer that explains it may be there already.
task<> conversation::send() {
  auto patience = over_.limits().first_byte;
  try {
    co_await send_all();
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    send_error_ = std::current_exception();
    was_expired_ = over_.watch().expired();
    patience = std::min<std::chrono::milliseconds>(patience, last_words);
  }
  if (!answer_) over_.watch().enter(phase::answering, patience);
}

void conversation::take(answer_head head) {
  answer_ = std::move(head);
  permission_.cancel();
  if (sent_) return;
  // Refused, or answered without the body: the rest is not sent. A server that says yes before it
  // has read everything still gets everything.
  if (answer_->status >= 300 || (what_.expects_continue && !permitted_ && !ignored_))
    both_.cancel();
}

task<> conversation::listen() {
  for (int interim = 0; interim <= most_interim_answers; ++interim) {
    answer_head head = co_await over_.read_head(what_.is_head_request);
    if (head.status >= 200) {
      take(std::move(head));
      co_return;
    }
    // RFC 9110, 15.2.2: nobody switches protocols unasked.
    if (head.status < 100 || head.status == 101) break;
    if (head.status != 100) continue;
    permitted_ = true;
    permission_.cancel();
  }
  throw failure(
      kind::unavailable,
      "the answer is malformed",
      "It does not come to an end of interim answers.");
}

task<> conversation::talk() {
  if (what_.head.size() + size_of(what_.body) <= surely_taken && !what_.expects_continue) {
    co_await send();
    co_await listen();
    co_return;
  }
  both_.spawn(listen());
  both_.spawn(send());
  co_await both_.join();
}

task<incoming> conversation::run() {
  std::exception_ptr error;
  try {
    co_await talk();
  } catch (...) {
    error = std::current_exception();
  }
  over_.watch().leave();
  if (!answer_) {
    // The cause comes first; what the wait for an explanation ended with, tells nothing.
    const bool has_cause = send_error_ && !was_expired_;
    const char* const doing = sent_ ? "waiting for the answer" : "sending the request";
    over_.rethrow(
        send_error_ && !is_failure(error, kind::interrupted) ? send_error_ : error,
        doing,
        has_cause);
  }
  if (error) std::rethrow_exception(error);
  if (!sent_ && answer_->status < 300) over_.rethrow(premature(), "sending the request");
  incoming result;
  result.head = std::move(*answer_);
  result.request_was_sent = sent_;
  result.ignored_expectation = ignored_;
  co_return result;
}

} // namespace

task<incoming> converse(connection& over, outgoing what) {
  conversation c(over, std::move(what));
  co_return co_await c.run();
}

} // namespace wale::http
