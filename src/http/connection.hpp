#pragma once
// One connection to an origin or its proxy: heads, then bodies. Used for one exchange at a time.

#include "body_decoder.hpp"
#include "byte_stream.hpp"
#include "deadline_watch.hpp"
#include "head.hpp"

#include <wale/http/client.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace wale::http {

class connection {
public:
  /// `peer` names it in failures.
  connection(
      io::runtime& rt,
      std::unique_ptr<byte_stream> stream,
      const client_options& options,
      std::string peer);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  io::runtime& runtime() noexcept { return runtime_; }
  byte_stream& stream() noexcept { return *stream_; }
  deadline_watch& watch() noexcept { return watch_; }
  const deadlines& limits() const noexcept { return limits_; }

  /// Begins an exchange; `what` is method and path, for failures.
  void begin(std::chrono::milliseconds limit, std::string what);
  /// The next head, interim ones too. Failures are told as they come from below.
  task<answer_head> read_head(bool of_head_request);
  /// Whether a byte of this exchange's answer has come.
  bool has_heard() const noexcept { return heard_; }
  /// Whether it has answered before this exchange.
  bool is_proven() const noexcept { return exchanges_ > 1; }

  /// Begins the body that follows `head`.
  void begin_body(const answer_head& head);
  /// Payload, as much as can be had without waiting for more than `into` holds; 0 at the end.
  /// Failures have their context.
  task<std::size_t> read_body(std::span<std::byte> into);
  bool body_has_ended() const noexcept { return body_.ended(); }
  /// Ends the exchange. True if the connection can be used again.
  bool end(bool request_was_sent) noexcept;

  /// Nothing has come since the last exchange, not even the end.
  bool is_quiet() const noexcept;

  /// Throws what `error` means to the caller: an expired deadline, or its words with the origin and
  /// `doing` in front. An interruption stays one. `despite_deadline`: the error came first.
  [[noreturn]] void rethrow(
      const std::exception_ptr& error,
      const std::string& doing,
      bool despite_deadline = false) const;

private:
  task<std::size_t> read_payload(std::span<std::byte> into);
  std::span<std::byte> unread() noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
  void make_room();

  io::runtime& runtime_;
  std::unique_ptr<byte_stream> stream_;
  deadline_watch watch_;
  deadlines limits_;
  std::size_t largest_head_;
  std::string peer_;
  std::string what_;
  std::unique_ptr<std::byte[]> buffer_; ///< a head, or what was read beyond one
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool heard_ = false;
  int exchanges_ = 0;
  bool keeps_alive_ = false;
  body_decoder body_;
  std::uint64_t promised_ = 0;
  std::uint64_t received_ = 0;
};

} // namespace wale::http
