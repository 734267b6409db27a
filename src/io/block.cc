// Blocks, budgets and the pool.
//
// The pool is one mapping, made at the first use and touched block by block: a short-lived process
// pays only for the blocks it has really used, and the block returned last is handed out first.
#include "permits.hpp"

#include <wale/base/error.hpp>
#include <wale/io/block.hpp>

#include <cassert>
#include <cerrno>
#include <memory>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace wale::io {

namespace {
constexpr std::size_t footprint = block::headroom + block::payload + block::slack;
static_assert(footprint % 4096 == 0, "blocks start on a page");

/// A page fault for every 4 KiB would cost a wal-push 3 ms on a virtual machine; with huge pages
/// seven blocks cost one.
constexpr std::size_t huge_page = 2 * 1024 * 1024;
} // namespace

struct detail::pool_state {
  explicit pool_state(std::size_t blocks) : total(blocks), unreserved(blocks) {
    idle.reserve(blocks);
  }
  ~pool_state() {
    if (mapping) ::munmap(mapping, mapped_size());
  }
  pool_state(const pool_state&) = delete;
  pool_state& operator=(const pool_state&) = delete;

  std::byte* take_memory() {
    if (!idle.empty()) {
      std::byte* const p = idle.back();
      idle.pop_back();
      return p;
    }
    if (!memory) map();
    return memory + footprint * used++;
  }

  std::size_t mapped_size() const { return total * footprint + huge_page; }

  void map() {
    void* const p = ::mmap(
        nullptr,
        mapped_size(),
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        -1,
        0);
    if (p == MAP_FAILED) throw failure::system(errno, "mmap", "out of memory");
    mapping = p;
    void* aligned = p;
    std::size_t space = mapped_size();
    memory = static_cast<std::byte*>(std::align(huge_page, total * footprint, aligned, space));
    // Where the kernel has none to give, small ones do.
    ::madvise(memory, total * footprint, MADV_HUGEPAGE);
  }

  std::size_t total;
  permits unreserved;
  void* mapping = nullptr;
  std::byte* memory = nullptr;
  std::size_t used = 0; ///< blocks of the mapping that were ever handed out
  std::vector<std::byte*> idle;
};

struct detail::budget_state {
  budget_state(std::shared_ptr<pool_state> p, std::size_t n)
      : pool(std::move(p)), size(n), free(n) {}
  ~budget_state() { pool->unreserved.give(size); }
  budget_state(const budget_state&) = delete;
  budget_state& operator=(const budget_state&) = delete;

  std::shared_ptr<pool_state> pool;
  std::size_t size;
  permits free;
};

block::block(std::shared_ptr<detail::budget_state> owner, std::byte* memory) noexcept
    : owner_(std::move(owner)), memory_(memory), begin_(headroom), end_(headroom) {}

block::block(block&& other) noexcept
    : owner_(std::move(other.owner_)), memory_(std::exchange(other.memory_, nullptr)),
      begin_(std::exchange(other.begin_, 0)), end_(std::exchange(other.end_, 0)) {}

block& block::operator=(block&& other) noexcept {
  if (this == &other) return *this;
  release();
  owner_ = std::move(other.owner_);
  memory_ = std::exchange(other.memory_, nullptr);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

block::~block() {
  release();
}

void block::release() noexcept {
  if (!memory_) return;
  owner_->pool->idle.push_back(std::exchange(memory_, nullptr));
  owner_->free.give(1);
  owner_.reset();
  begin_ = end_ = 0;
}

std::span<std::byte> block::room() noexcept {
  constexpr std::size_t limit = headroom + payload;
  return {memory_ + end_, end_ < limit ? limit - end_ : 0};
}

std::span<std::byte> block::room_with_slack() noexcept {
  return {memory_ + end_, footprint - end_};
}

void block::append(std::size_t n) noexcept {
  assert(n <= footprint - end_);
  end_ += n;
}

std::span<std::byte> block::prepend(std::size_t n) noexcept {
  assert(n <= begin_);
  begin_ -= n;
  return {memory_ + begin_, n};
}

void block::drop_front(std::size_t n) noexcept {
  assert(n <= size());
  begin_ += n;
}

void block::truncate(std::size_t n) noexcept {
  assert(n <= size());
  end_ = begin_ + n;
}

void block::clear() noexcept {
  begin_ = end_ = headroom;
}

task<block> block_budget::acquire() {
  const auto state = state_;
  co_await state->free.take(1);
  std::byte* memory = nullptr;
  try {
    memory = state->pool->take_memory();
  } catch (...) {
    state->free.give(1);
    throw;
  }
  co_return block(state, memory);
}

block block_budget::try_acquire() {
  if (!state_ || !state_->free.try_take(1)) return {};
  try {
    return block(state_, state_->pool->take_memory());
  } catch (...) {
    state_->free.give(1);
    throw;
  }
}

block_budget block_budget::split(std::size_t blocks) {
  if (!state_ || !state_->free.try_take(blocks)) {
    throw failure(kind::bug, "a block budget is too small to be split");
  }
  block_budget part;
  part.state_ = std::make_shared<detail::budget_state>(state_->pool, blocks);
  state_->size -= blocks;
  return part;
}

std::size_t block_budget::size() const noexcept {
  return state_ ? state_->size : 0;
}

std::size_t block_budget::available() const noexcept {
  return state_ ? state_->free.available() : 0;
}

block_pool::block_pool(std::size_t blocks) : state_(std::make_shared<detail::pool_state>(blocks)) {}

block_pool::~block_pool() = default;

task<block_budget> block_pool::reserve(std::size_t blocks) {
  const auto state = state_;
  if (blocks > state->total) {
    throw failure(kind::bug, "more blocks were asked for than the pool holds");
  }
  co_await state->unreserved.take(blocks);
  block_budget share;
  share.state_ = std::make_shared<detail::budget_state>(state, blocks);
  co_return share;
}

std::size_t block_pool::size() const noexcept {
  return state_->total;
}
std::size_t block_pool::available() const noexcept {
  return state_->unreserved.available();
}

} // namespace wale::io
