// Framing is read a byte at a time, payload moved whole.
#include "body_decoder.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <cstring>

namespace wale::http {
namespace {

/// What a server may say beside the payload; nothing of it is used.
constexpr std::size_t largest_overhead = 16 * 1024;
/// Fifteen hexadecimal digits cannot overflow.
constexpr std::size_t most_digits = 15;

[[noreturn]] void refuse(const char* detail) {
  throw failure(kind::unavailable, "the answer is malformed", detail);
}

int digit_of(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

} // namespace

body_decoder::body_decoder(const body_framing& framing) noexcept
    : how_(framing.what), state_(state::end) {
  switch (how_) {
  case body_framing::by::nothing:
    break;
  case body_framing::by::length:
    left_ = framing.length;
    if (left_) state_ = state::data;
    break;
  case body_framing::by::chunks:
    state_ = state::size_begin;
    break;
  case body_framing::by::close:
    left_ = UINT64_MAX;
    state_ = state::data;
    break;
  }
}

std::size_t body_decoder::decode(std::span<std::byte> raw) {
  std::size_t in = 0;
  std::size_t out = 0;
  while (in < raw.size()) {
    if (state_ == state::end) {
      excess_ = true;
      break;
    }
    if (state_ != state::data) {
      step(static_cast<unsigned char>(raw[in++]));
      continue;
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, raw.size() - in));
    if (in != out) std::memmove(raw.data() + out, raw.data() + in, n);
    in += n;
    out += n;
    if (how_ == body_framing::by::close) continue;
    left_ -= n;
    if (left_ == 0) state_ = how_ == body_framing::by::length ? state::end : state::data_cr;
  }
  return out;
}

void body_decoder::end_of_stream() {
  if (how_ == body_framing::by::close) state_ = state::end;
  if (state_ != state::end)
    throw failure(
        kind::unavailable, "the answer is cut short", "The connection ended before the body did.");
}

void body_decoder::count_overhead() {
  if (++overhead_ > largest_overhead) refuse("Its chunk extensions or trailers are too long.");
}

void body_decoder::take_size(unsigned char c) {
  if (const int digit = digit_of(c); digit >= 0) {
    left_ = left_ * 16 + static_cast<unsigned>(digit);
    if (++digits_ > most_digits) refuse("A chunk is larger than any object.");
    state_ = state::size;
    return;
  }
  if (state_ == state::size_begin) refuse("A chunk has no size.");
  overhead_ = 0;
  if (c == '\r') {
    state_ = state::size_lf;
  } else if (c == ';' || c == ' ' || c == '\t') {
    state_ = state::extension;
  } else {
    refuse("The size of a chunk is not a hexadecimal number.");
  }
}

void body_decoder::step(unsigned char c) {
  const auto expect = [c](unsigned char wanted) {
    if (c != wanted) refuse("A line of its chunked body does not end with CR LF.");
  };
  switch (state_) {
  case state::size_begin:
  case state::size:
    return take_size(c);
  case state::extension:
    if (c == '\n') refuse("A line of its chunked body does not end with CR LF.");
    count_overhead();
    if (c == '\r') state_ = state::size_lf;
    return;
  case state::size_lf:
    expect('\n');
    state_ = left_ ? state::data : state::trailer_begin;
    overhead_ = 0;
    return;
  case state::data_cr:
    expect('\r');
    state_ = state::data_lf;
    return;
  case state::data_lf:
    expect('\n');
    state_ = state::size_begin;
    digits_ = 0;
    return;
  case state::trailer_begin:
  case state::trailer:
    if (c == '\n') refuse("A line of its chunked body does not end with CR LF.");
    count_overhead();
    if (c != '\r') {
      state_ = state::trailer;
    } else {
      state_ = state_ == state::trailer_begin ? state::end_lf : state::trailer_lf;
    }
    return;
  case state::trailer_lf:
    expect('\n');
    state_ = state::trailer_begin;
    return;
  case state::end_lf:
    expect('\n');
    state_ = state::end;
    return;
  case state::data:
  case state::end:
    return;
  }
}

} // namespace wale::http
