// One exchange: a connection, the conversation over it, the body of the answer.
#include "client_state.hpp"
#include "concealing.hpp"
#include "dialer.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace wale::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// RFC 9110, 9.2.2.
bool is_idempotent(const std::string& method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

/// For failures: without the query, which may hold a signature.
std::string name_of(const request& what) {
  return what.method + " " + what.target.substr(0, what.target.find('?'));
}

milliseconds left_of(milliseconds limit, steady_clock::time_point begun) {
  const auto used = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
  return std::max(limit - used, milliseconds(1));
}

outgoing compose(const route& along, const request& what, bool expect) {
  head_form form;
  form.expect_continue = expect;
  if (along.via && !along.tunnels()) {
    form.absolute = true;
    form.proxy_authorization = along.via->authorization;
  }
  outgoing result;
  result.head = write_head(what, along.to, form);
  result.body = what.body;
  result.expects_continue = expect;
  result.is_head_request = what.method == "HEAD";
  return result;
}

bool is_refusal(const response& answer) {
  return answer.status < 200 || answer.status >= 300;
}

[[noreturn]] void refuse_length(const origin& from, std::size_t largest) {
  throw failure(
      kind::unavailable,
      from.text() + ": the answer is too long",
      "It has more than " + std::to_string(largest) + " bytes.");
}

/// Appends the whole body to `text`.
task<> read_whole(connection& from, const origin& of, std::size_t largest, std::string& text) {
  std::size_t step = 4 * 1024;
  while (!from.body_has_ended()) {
    const std::size_t before = text.size();
    text.resize(before + step);
    const auto room = std::as_writable_bytes(std::span(text).subspan(before));
    const std::size_t n = co_await from.read_body(room);
    text.resize(before + n);
    if (text.size() > largest) refuse_length(of, largest);
    step = std::min<std::size_t>(step * 2, 256 * 1024);
  }
}

} // namespace

void client::state::note_date(const origin& of, const response& answer) {
  const auto theirs = parse_date(answer.headers.get("Date"));
  if (!theirs) return;
  const auto ours = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  offsets[of.text()] = *theirs - ours;
}

task<std::optional<lease>> client::state::attempt(
    const route& along,
    const request& what,
    const exchange_options& how,
    steady_clock::time_point begun,
    bool fresh) {
  const milliseconds whole =
      std::min(options.deadlines.exchange, how.limit.value_or(milliseconds::max()));
  lease l;
  l.route = along.text();
  if (!fresh) l.held = kept.take(l.route);
  if (!l.held) {
    milliseconds connect = how.connect_limit.value_or(options.deadlines.connect);
    connect = std::min({connect, options.deadlines.connect, left_of(whole, begun)});
    const dialing limits(connect, std::min(options.deadlines.tls, left_of(whole, begun)));
    l.held = co_await dial(rt, options, tls, along, limits);
  }
  l.held->begin(left_of(whole, begun), name_of(what));
  const bool proven = l.held->is_proven();
  const bool expect =
      how.expect_continue && !what.body.empty() && !proven && !silent.contains(along.to.text());
  std::exception_ptr error;
  try {
    outgoing out = compose(along, what, expect);
    l.answer = co_await converse(*l.held, std::move(out));
  } catch (...) {
    error = std::current_exception();
  }
  if (error) {
    const bool was_dead = proven && !l.held->has_heard() && !l.held->watch().expired();
    if (was_dead && is_idempotent(what.method) && is_failure(error, kind::unavailable))
      co_return std::nullopt;
    std::rethrow_exception(error);
  }
  // RFC 9110, 10.1.1: the server did not like to be asked, and has not got the body.
  const bool disliked = expect && l.answer.head.status == 417;
  if (disliked || l.answer.ignored_expectation) silent.insert(along.to.text());
  if (disliked) co_return std::nullopt;
  note_date(along.to, l.answer.head);
  l.held->begin_body(l.answer.head);
  co_return l;
}

task<lease> client::state::exchange(origin to, const request& what, exchange_options how) {
  const auto begun = steady_clock::now();
  const route along = find_route(options, to, how.direct);
  std::optional<lease> l = co_await attempt(along, what, how, begun, false);
  if (!l) l = co_await attempt(along, what, how, begun, true);
  if (!l) throw failure(kind::unavailable, to.text() + ": no connection answers");
  if (is_refusal(l->answer.head)) {
    l->secrets = secrets_in(what, along.via ? along.via->authorization : "");
    conceal(l->secrets, l->answer.head.headers);
  }
  co_return std::move(*l);
}

void client::state::give_back(lease l) {
  if (l.held->end(l.answer.request_was_sent)) kept.keep(l.route, std::move(l.held));
}

client::client(io::runtime& rt, client_options options)
    : state_(std::make_unique<state>(rt, std::move(options))) {}

client::~client() = default;

task<reply> client::perform(origin to, request what, exchange_options how, std::size_t largest) {
  lease l = co_await state_->exchange(to, what, how);
  reply result;
  static_cast<response&>(result) = std::move(static_cast<response&>(l.answer.head));
  co_await read_whole(*l.held, to, largest, result.body);
  conceal(l.secrets, result.body);
  state_->give_back(std::move(l));
  co_return result;
}

task<streamed_reply>
client::open(origin to, request what, io::block_budget& budget, exchange_options how) {
  lease l = co_await state_->exchange(to, what, how);
  streamed_reply result;
  static_cast<response&>(result) = std::move(static_cast<response&>(l.answer.head));
  const body_framing framing = l.answer.head.framing;
  if (framing.what == body_framing::by::length) result.length = framing.length;
  if (result.status == 200 || result.status == 206) {
    result.body = make_body_source(*state_, std::move(l), budget);
  } else {
    co_await read_whole(*l.held, to, state_->options.largest_error_body, result.error_body);
    conceal(l.secrets, result.error_body);
    state_->give_back(std::move(l));
  }
  co_return result;
}

task<> client::warm_up(origin to) {
  if (to.secure()) co_await state_->tls.prepare(state_->rt);
}

task<> client::close() {
  state_->kept.clear();
  co_return;
}

std::optional<std::chrono::seconds> client::clock_offset(const origin& of) const {
  const auto place = state_->offsets.find(of.text());
  if (place == state_->offsets.end()) return std::nullopt;
  return place->second;
}

} // namespace wale::http
