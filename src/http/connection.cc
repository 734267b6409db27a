// Heads are gathered in a small buffer, bodies go straight to where the caller wants them, but for
// what came together with the head.
#include "connection.hpp"

#include <wale/base/error.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace wale::http {
namespace {

constexpr std::size_t least_buffer = 8 * 1024;

} // namespace

connection::connection(
    io::runtime& rt,
    std::unique_ptr<byte_stream> stream,
    const client_options& options,
    std::string peer)
    : runtime_(rt), stream_(std::move(stream)), watch_(rt.context()), limits_(options.deadlines),
      largest_head_(options.largest_head), peer_(std::move(peer)), body_(body_framing()) {
  watch_.watch(stream_->descriptor());
}

connection::~connection() {
  watch_.watch(-1);
}

void connection::begin(std::chrono::milliseconds limit, std::string what) {
  watch_.begin(limit);
  what_ = std::move(what);
  heard_ = false;
  ++exchanges_;
  received_ = 0;
}

void connection::make_room() {
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ < capacity_) return;
  const std::size_t larger = std::max(least_buffer, capacity_ * 2);
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(larger);
  if (end_) std::memcpy(buffer.get(), buffer_.get(), end_);
  buffer_ = std::move(buffer);
  capacity_ = larger;
}

task<answer_head> connection::read_head(bool of_head_request) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t size = head_size(unread(), searched);
    if ((size ? size : unread().size()) > largest_head_)
      throw failure(
          kind::unavailable,
          "the answer is malformed",
          "Its head is longer than " + std::to_string(largest_head_) + " bytes.");
    if (size) {
      answer_head head = parse_head(unread().first(size), of_head_request);
      begin_ += size;
      co_return head;
    }
    searched = unread().size();
    make_room();
    const std::size_t n =
        co_await stream_->read_some(std::span(buffer_.get() + end_, capacity_ - end_));
    if (n == 0) throw failure::system(ECONNRESET, "recv", "the connection was closed");
    heard_ = true;
    end_ += n;
  }
}

void connection::begin_body(const answer_head& head) {
  keeps_alive_ = head.keeps_alive;
  body_ = body_decoder(head.framing);
  promised_ = head.framing.length;
}

task<std::size_t> connection::read_payload(std::span<std::byte> into) {
  while (!body_.ended()) {
    std::size_t n = 0;
    bool stream_ended = false;
    if (begin_ < end_) {
      n = std::min(end_ - begin_, into.size());
      std::memcpy(into.data(), buffer_.get() + begin_, n);
      begin_ += n;
    } else if (body_.knows_length()) {
      const auto most = std::min<std::uint64_t>(into.size(), body_.payload_ahead());
      n = co_await stream_->read_exactly(into.first(static_cast<std::size_t>(most)));
      stream_ended = n < most;
    } else {
      n = co_await stream_->read_some(into);
      stream_ended = n == 0;
    }
    const std::size_t payload = body_.decode(into.first(n));
    received_ += payload;
    if (stream_ended) body_.end_of_stream();
    if (payload) co_return payload;
  }
  co_return 0;
}

task<std::size_t> connection::read_body(std::span<std::byte> into) {
  if (body_.ended() || into.empty()) co_return 0;
  std::exception_ptr error;
  std::size_t n = 0;
  watch_.enter(phase::receiving, limits_.idle);
  try {
    n = co_await read_payload(into);
  } catch (...) {
    error = std::current_exception();
  }
  watch_.leave();
  // Our own deadline ends the stream, too, and what ends with the stream would look whole.
  if (!error && n == 0 && watch_.expired())
    error = std::make_exception_ptr(failure(kind::unavailable, "the connection ended"));
  if (error) {
    std::string doing = "after " + std::to_string(received_);
    if (body_.knows_length()) doing += " of " + std::to_string(promised_);
    rethrow(error, "receiving the answer " + doing + " bytes");
  }
  co_return n;
}

bool connection::end(bool request_was_sent) noexcept {
  watch_.leave();
  return request_was_sent && keeps_alive_ && body_.ended() && !body_.has_excess() &&
         begin_ == end_ && !watch_.expired();
}

bool connection::is_quiet() const noexcept {
  if (stream_->holds_bytes()) return false;
  char byte;
  const ssize_t n = ::recv(stream_->descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void connection::rethrow(
    const std::exception_ptr& error, const std::string& doing, bool despite_deadline) const {
  try {
    std::rethrow_exception(error);
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) throw;
    if (watch_.expired() && !despite_deadline)
      throw watch_.expiry(peer_).with_detail(what_ + ", " + doing + ".");
    // With an errno it is the network, told by its number alone; else the words say it.
    const int number = f.error_number();
    const std::string why = number ? describe_errno(number) : f.text().msg;
    std::string detail = what_ + ", " + doing + ".";
    if (!number && !f.text().detail.empty()) detail += "\n" + f.text().detail;
    throw f.with_msg(peer_ + ": " + why)
        .with_detail(detail)
        .with_hint(
            f.why() == kind::unavailable
                ? "Is the server, or the network on the way to it, in trouble?"
                : "");
  }
}

} // namespace wale::http
