#pragma once
// A queue of operations that allocates nothing: it threads through the engine's own fields of
// `operation`, `next` forwards and `engine_state` backwards.

#include <wale/io/engine.hpp>

namespace wale::io {

class op_list {
public:
  bool empty() const noexcept { return head_ == nullptr; }

  void push_back(operation& op) noexcept {
    op.next = nullptr;
    op.engine_state = tail_;
    if (tail_) {
      tail_->next = &op;
    } else {
      head_ = &op;
    }
    tail_ = &op;
  }

  /// The first operation, or nullptr.
  operation* pop_front() noexcept {
    operation* const op = head_;
    if (op) remove(*op);
    return op;
  }

  /// `op` is in this list.
  void remove(operation& op) noexcept {
    operation* const before = static_cast<operation*>(op.engine_state);
    if (before) {
      before->next = op.next;
    } else {
      head_ = op.next;
    }
    if (op.next) {
      op.next->engine_state = before;
    } else {
      tail_ = before;
    }
    op.next = nullptr;
    op.engine_state = nullptr;
  }

  void clear() noexcept {
    while (pop_front()) {
    }
  }

private:
  operation* head_ = nullptr;
  operation* tail_ = nullptr;
};

} // namespace wale::io
