#pragma once
// What an extraction has under way: children at work and blocks they still need. I/O thread only.

#include <wale/io/block.hpp>
#include <wale/io/event.hpp>

#include <cstddef>
#include <memory>
#include <utility>

namespace wale::archive {

/// What is under way. Shared, so that a child's frame may be the last to go.
struct progress {
  std::size_t blocks = 0;
  std::size_t children = 0;
  io::event changed;
};

/// Counts one thing under way for as long as it lives.
class mark {
public:
  mark(std::shared_ptr<progress> p, std::size_t progress::*what)
      : progress_(std::move(p)), what_(what) {
    ++((*progress_).*what_);
  }
  mark(mark&& other) noexcept = default;
  mark& operator=(mark&&) = delete;
  ~mark() {
    if (!progress_) return;
    --((*progress_).*what_);
    progress_->changed.notify_all();
  }

private:
  std::shared_ptr<progress> progress_;
  std::size_t progress::*what_;
};

struct held_block {
  held_block(io::block b, mark m) : counted(std::move(m)), bytes(std::move(b)) {}
  mark counted;
  io::block bytes; // goes first, so that who waits for fewer blocks finds it returned
};
/// Held by everything that still reads its bytes.
using held = std::shared_ptr<held_block>;

} // namespace wale::archive
