#pragma once
// What several cores do at once, put back into order. For the I/O thread only.

#include <wale/base/digest.hpp>
#include <wale/io/block.hpp>
#include <wale/io/chain.hpp>
#include <wale/io/event.hpp>
#include <wale/io/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <span>

namespace wale::archive {

/// Blocks that become ready in any order and leave in the order of their numbers. A failure takes
/// its place among them: all blocks before it come out first.
class ordered_blocks {
public:
  /// At most `limit` blocks are inside, ready or not.
  explicit ordered_blocks(std::size_t limit) : limit_(limit) {}

  /// Returns when one more may be added. One caller at a time.
  task<> wait_for_room();
  /// The number of the next block.
  std::uint64_t add();
  void put(std::uint64_t number, io::block ready);
  void put(std::uint64_t number, std::exception_ptr failure);
  /// Nothing will be added any more.
  void end();
  /// The next block, or an empty handle at the end; rethrows a failure.
  task<io::block> take();
  /// Drops what is inside.
  void clear() noexcept { slots_.clear(); }

private:
  struct slot {
    io::block bytes;
    std::exception_ptr failure;
    bool is_ready = false;
  };
  void put(std::uint64_t number, slot value);
  bool has_news() const noexcept;

  std::size_t limit_;
  std::uint64_t first_ = 0; ///< number of slots_.front()
  std::deque<slot> slots_;
  bool ended_ = false;
  io::event has_room_;
  io::event changed_;
};

/// One SHA-256 over pieces in their order, on the CPU pool.
class ordered_sha256 {
public:
  explicit ordered_sha256(io::runtime& rt) : runtime_(rt) {}

  /// Adds piece `number` behind all before it and returns when it is added. A piece whose
  /// predecessor failed waits until it is cancelled.
  task<> add(std::uint64_t number, std::span<const std::byte> bytes);
  /// The same, and then `job` on the CPU pool.
  template <class Job>
  task<> add_then(std::uint64_t number, std::span<const std::byte> bytes, Job job) {
    co_await wait_for_turn(number);
    auto hash = [this, bytes] { digest_.update(bytes); };
    co_await runtime_.offload_in_order(order_, hash, std::move(job));
  }
  sha256_value finish() { return digest_.finish(); }

private:
  task<> wait_for_turn(std::uint64_t number);

  io::runtime& runtime_;
  sha256 digest_;
  io::chain order_;
  std::uint64_t next_ = 0; ///< whose turn it is to be queued
  io::event advanced_;
};

} // namespace wale::archive
