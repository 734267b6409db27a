#pragma once
// What "all of it" means: send and recv_all go on after a part, on every engine and every kernel
// (io_uring honours MSG_WAITALL only since 5.19). `offset`, which sockets do not use, counts.

#include <wale/io/engine.hpp>

#include <cerrno>

namespace wale::io {

/// Longest piece of one read or write: results are ints.
inline constexpr std::size_t longest_transfer = std::size_t{1} << 30;

inline bool is_whole(op_kind k) noexcept {
  return k == op_kind::send || k == op_kind::recv_all;
}

inline void begin(operation& op) noexcept {
  op.cancelled = false;
  if (is_whole(op.kind)) op.offset = 0;
}

/// Takes the result of one attempt. True if the operation has ended, with `result` as it is told;
/// false if it must be tried again.
inline bool advance(operation& op, int& result) noexcept {
  if (result == -EINTR) {
    if (!op.cancelled) return false;
    result = -ECANCELED;
  }
  if (!is_whole(op.kind)) return true;
  if (result > 0) {
    const auto n = static_cast<std::size_t>(result);
    op.data = static_cast<char*>(op.data) + n;
    op.length -= n;
    op.offset += n;
    if (op.length && !op.cancelled) return false;
  }
  const int total = static_cast<int>(op.offset);
  if (op.kind == op_kind::send) {
    if (result > 0 || (result == -ECANCELED && total)) result = total;
  } else if (result >= 0) {
    result = op.length && op.cancelled ? -ECANCELED : total;
  }
  return true;
}

} // namespace wale::io
