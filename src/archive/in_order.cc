// Order by number: a queue of slots, and the digest's turns.
#include "in_order.hpp"

#include <utility>

namespace wale::archive {

task<> ordered_blocks::wait_for_room() {
  while (slots_.size() >= limit_)
    co_await has_room_.wait();
}

std::uint64_t ordered_blocks::add() {
  slots_.emplace_back();
  return first_ + slots_.size() - 1;
}

void ordered_blocks::put(std::uint64_t number, io::block ready) {
  put(number, slot{std::move(ready), nullptr, true});
}

void ordered_blocks::put(std::uint64_t number, std::exception_ptr failure) {
  put(number, slot{io::block(), std::move(failure), true});
}

void ordered_blocks::put(std::uint64_t number, slot value) {
  slots_[number - first_] = std::move(value);
  if (number == first_) changed_.notify_all();
}

void ordered_blocks::end() {
  ended_ = true;
  changed_.notify_all();
}

bool ordered_blocks::has_news() const noexcept {
  return slots_.empty() ? ended_ : slots_.front().is_ready;
}

task<io::block> ordered_blocks::take() {
  while (!has_news())
    co_await changed_.wait();
  if (slots_.empty()) co_return io::block();
  slot first = std::move(slots_.front());
  slots_.pop_front();
  ++first_;
  has_room_.notify_one();
  if (first.failure) std::rethrow_exception(first.failure);
  co_return std::move(first.bytes);
}

// Those who wait are resumed one after the other, and each queues its job then.
task<> ordered_sha256::wait_for_turn(std::uint64_t number) {
  while (next_ != number)
    co_await advanced_.wait();
  ++next_;
  advanced_.notify_all();
}

task<> ordered_sha256::add(std::uint64_t number, std::span<const std::byte> bytes) {
  co_await wait_for_turn(number);
  auto job = [this, bytes] { digest_.update(bytes); };
  co_await runtime_.offload_in_order(order_, job);
}

} // namespace wale::archive
