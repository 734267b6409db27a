#pragma once
// Finds the payload in the bytes that follow a head, and the end of it (RFC 9112, 6 and 7.1). Pure.

#include "head.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace wale::http {

class body_decoder {
public:
  explicit body_decoder(const body_framing& framing) noexcept;

  /// Takes bytes as they came and moves what is payload to their front; returns how much that is.
  /// Throws kind::unavailable, without context, for malformed chunks.
  std::size_t decode(std::span<std::byte> raw);

  bool ended() const noexcept { return state_ == state::end; }
  /// The stream has ended. Throws kind::unavailable, without context, unless the body has too.
  void end_of_stream();
  /// Bytes came after the end: the server does not keep to the protocol.
  bool has_excess() const noexcept { return excess_; }
  /// Bytes that are certainly still payload, and the next ones to come.
  std::uint64_t payload_ahead() const noexcept { return state_ == state::data ? left_ : 0; }
  /// True if payload_ahead() is exact.
  bool knows_length() const noexcept { return how_ == body_framing::by::length; }

private:
  enum class state {
    size_begin,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_begin,
    trailer,
    trailer_lf,
    end_lf,
    end
  };
  void step(unsigned char c);
  void take_size(unsigned char c);
  void count_overhead();

  body_framing::by how_;
  state state_;
  std::uint64_t left_ = 0;
  std::size_t digits_ = 0;
  std::size_t overhead_ = 0; ///< of extensions in one line, of all trailers
  bool excess_ = false;
};

} // namespace wale::http
