#pragma once
// A resumable upload: what has been sent, what the server has of it, what goes next. Pure: it never
// sees a connection. Source: Cloud Storage documentation, "Perform resumable uploads".
//
// Parts come one after the other and are sent as chunks. A chunk that is a multiple of 256 KiB may
// be followed by others; one that is not is the last, and ends the upload. An upload of multiples
// only is ended by a request without bytes.

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace wale::store {

class gcs_session {
public:
  enum class state {
    open,
    finished,  ///< the object is there, and is ours
    forbidden, ///< another one was there before
  };

  /// `target`: path and query of the session; a secret, as who has it may upload.
  explicit gcs_session(std::string target) : target_(std::move(target)) {}
  static gcs_session forbidden();

  const std::string& target() const noexcept { return target_; }
  state now() const noexcept { return state_; }

  /// The next part, or the one before once more, which then has the same size and sum. `crc32c` is
  /// that of all bytes up to its end. Throws kind::bug for a part out of turn.
  void begin_part(std::uint32_t number, std::uint64_t size, std::uint32_t crc32c);
  /// The sum of all bytes before part `number`.
  std::uint32_t sum_before(std::uint32_t number) const;
  std::uint32_t parts() const noexcept { return part_; }
  /// No part comes any more.
  void end() noexcept { ended_ = true; }

  /// What to send of the present part begins there, counted from its first byte.
  std::uint64_t skip() const noexcept { return held_ - begin_; }
  /// In the whole object.
  std::uint64_t first() const noexcept { return held_; }
  /// Of the object, if the next request is to end it.
  std::optional<std::uint64_t> total() const noexcept;
  std::uint64_t bytes() const noexcept { return end_; }
  std::uint32_t sum() const noexcept { return sum_; }
  /// The server has all of the present part.
  bool has_part() const noexcept { return held_ == end_ && !total(); }

  /// A request goes out; until its answer has come, what the server has is unknown.
  void sent() noexcept { unsure_ = true; }
  bool is_unsure() const noexcept { return unsure_; }
  /// The server has so many bytes. False if that cannot be: fewer than it had acknowledged, or more
  /// than were sent.
  bool holds(std::uint64_t bytes) noexcept;
  void finish(state how) noexcept;

private:
  std::string target_;
  state state_ = state::open;
  std::uint32_t part_ = 0;  ///< its number
  std::uint64_t begin_ = 0; ///< of the present part, in the object
  std::uint64_t end_ = 0;   ///< of it
  std::uint32_t sum_before_ = 0;
  std::uint32_t sum_ = 0;
  std::uint64_t held_ = 0; ///< what the server has
  bool unsure_ = false;
  bool ended_ = false;
};

/// What is left of `pieces` without their first `skip` bytes.
http::body_pieces without_front(const http::body_pieces& pieces, std::uint64_t skip);

} // namespace wale::store
