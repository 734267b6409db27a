#include "gcs_session.hpp"

#include "gcs_requests.hpp"

#include <wale/base/error.hpp>

#include <algorithm>

namespace wale::store {

gcs_session gcs_session::forbidden() {
  gcs_session s("");
  s.state_ = state::forbidden;
  return s;
}

std::uint32_t gcs_session::sum_before(std::uint32_t number) const {
  return number == part_ ? sum_before_ : sum_;
}

void gcs_session::begin_part(std::uint32_t number, std::uint64_t size, std::uint32_t crc32c) {
  const bool again = number == part_ && size == end_ - begin_ && crc32c == sum_;
  if (again) return;
  const bool next = number == part_ + 1 && !ended_ && begin_ + size >= begin_ &&
                    end_ % gcs_chunk_multiple == 0 && (held_ == end_ || state_ != state::open);
  if (!next)
    throw failure(
        kind::bug, "a part of an upload is out of turn", "Part " + std::to_string(number) + ".");
  part_ = number;
  begin_ = end_;
  end_ += size;
  sum_before_ = sum_;
  sum_ = crc32c;
}

std::optional<std::uint64_t> gcs_session::total() const noexcept {
  if (state_ != state::open) return std::nullopt;
  if (ended_ || end_ % gcs_chunk_multiple != 0) return end_;
  return std::nullopt;
}

bool gcs_session::holds(std::uint64_t bytes) noexcept {
  unsure_ = false;
  if (bytes < begin_ || bytes > end_) return false;
  held_ = bytes;
  return true;
}

void gcs_session::finish(state how) noexcept {
  unsure_ = false;
  state_ = how;
  held_ = end_;
}

http::body_pieces without_front(const http::body_pieces& pieces, std::uint64_t skip) {
  http::body_pieces rest;
  for (const auto& piece : pieces) {
    const auto drop = static_cast<std::size_t>(std::min<std::uint64_t>(skip, piece.size()));
    skip -= drop;
    if (drop < piece.size()) rest.push_back(piece.subspan(drop));
  }
  return rest;
}

} // namespace wale::store
