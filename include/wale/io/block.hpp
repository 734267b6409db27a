#pragma once
// Blocks: the only large memory of the program, its memory limit and its back-pressure.
//
// A block holds 256 KiB of payload, lzop's block, with room in front for a codec's or a tar's
// header and behind for the growth of incompressible data, so that no stage copies to make room.
// Blocks belong to a budget, budgets to the pool. A pipeline reserves its whole budget before its
// first byte, therefore two pipelines can never wait for each other's blocks.
//
// All of this is for the I/O thread only. A worker of the CPU pool may write into the bytes of a
// block that the awaiting coroutine owns, but never acquires or drops one.

#include <wale/io/task.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace wale::io {

namespace detail {
struct pool_state;
struct budget_state;
} // namespace detail

/// A move-only handle of one block; destroying it returns the block to its budget.
/// The valid bytes are a window [begin, end) that grows at both ends.
class block {
public:
  static constexpr std::size_t payload = 256 * 1024;
  static constexpr std::size_t headroom = 4 * 1024;
  static constexpr std::size_t slack = 20 * 1024;

  block() noexcept = default;
  block(block&& other) noexcept;
  block& operator=(block&& other) noexcept;
  ~block();

  explicit operator bool() const noexcept { return memory_ != nullptr; }

  /// The valid bytes. A fresh block has none.
  std::span<std::byte> bytes() noexcept { return {memory_ + begin_, end_ - begin_}; }
  std::span<const std::byte> bytes() const noexcept { return {memory_ + begin_, end_ - begin_}; }
  std::size_t size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }

  /// What can still be appended within the payload.
  std::span<std::byte> room() noexcept;
  /// The same including the slack, for a codec whose output may grow.
  std::span<std::byte> room_with_slack() noexcept;
  /// Makes the first `n` bytes of room() (or of the slack) valid.
  void append(std::size_t n) noexcept;
  /// Makes `n` bytes in front valid and returns them; n is at most the headroom left.
  std::span<std::byte> prepend(std::size_t n) noexcept;
  void drop_front(std::size_t n) noexcept;
  /// Keeps the first `n` valid bytes.
  void truncate(std::size_t n) noexcept;
  /// Empty again, with all headroom.
  void clear() noexcept;

private:
  friend class block_budget;
  block(std::shared_ptr<detail::budget_state> owner, std::byte* memory) noexcept;
  void release() noexcept;

  std::shared_ptr<detail::budget_state> owner_;
  std::byte* memory_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// A share of the pool. Dropping it gives the share back once its last block has returned.
class block_budget {
public:
  block_budget() noexcept = default;
  block_budget(block_budget&&) noexcept = default;
  block_budget& operator=(block_budget&&) noexcept = default;

  /// The next free block, first come first served. Cancellation leaves nothing behind.
  task<block> acquire();
  /// A free block now, or an empty handle.
  block try_acquire();
  /// Moves `blocks` of this budget's free blocks into a budget of their own, so that a stage that
  /// reads ahead cannot starve the next one. Both return to the pool by themselves.
  block_budget split(std::size_t blocks);
  std::size_t size() const noexcept;
  /// Blocks that are free now.
  std::size_t available() const noexcept;

private:
  friend class block_pool;
  std::shared_ptr<detail::budget_state> state_;
};

class block_pool {
public:
  /// Memory is mapped when first used, and never more than `blocks` of it.
  explicit block_pool(std::size_t blocks);
  ~block_pool();
  block_pool(const block_pool&) = delete;
  block_pool& operator=(const block_pool&) = delete;

  /// Waits, first come first served, until `blocks` are unreserved, and reserves them.
  /// Throws kind::bug if the pool is smaller. Cancellation leaves nothing behind.
  task<block_budget> reserve(std::size_t blocks);
  std::size_t size() const noexcept;
  std::size_t available() const noexcept;

private:
  std::shared_ptr<detail::pool_state> state_;
};

} // namespace wale::io
