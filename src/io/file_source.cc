// Read-ahead over one file: a queue of slots in file order, each filled by a child of its own.
#include <wale/base/error.hpp>
#include <wale/io/event.hpp>
#include <wale/io/file_source.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <fcntl.h>
#include <utility>

namespace wale::io {
namespace {

struct slot {
  block bytes;
  bool done = false;
  std::exception_ptr error;
};

class file_source final : public source {
public:
  file_source(runtime& rt, file input, std::uint64_t length, block_budget budget)
      : input_(std::move(input)), length_(length), budget_(std::move(budget)),
        children_(rt.context().get_executor()) {}

  task<block> next() override {
    // The very first block goes alone: a cached file is read within the submission, and whoever
    // waits for it can begin while the others are read.
    if (offset_ != 0) read_ahead();
    if (slots_.empty() && offset_ < length_) {
      block b = co_await budget_.acquire();
      begin_read(std::move(b));
    }
    if (slots_.empty()) co_return block();

    while (!slots_.front()->done)
      co_await progress_.wait();
    const std::unique_ptr<slot> first = std::move(slots_.front());
    slots_.pop_front();
    if (first->error) std::rethrow_exception(first->error);
    read_ahead();
    co_return std::move(first->bytes);
  }

  task<> close() override {
    children_.cancel();
    co_await children_.join();
    slots_.clear();
    offset_ = length_;
    if (input_) input_.close();
  }

private:
  void read_ahead() {
    while (offset_ < length_) {
      block b = budget_.try_acquire();
      if (!b) return;
      begin_read(std::move(b));
    }
  }

  void begin_read(block b) {
    b.append(static_cast<std::size_t>(std::min<std::uint64_t>(block::payload, length_ - offset_)));
    slots_.push_back(std::make_unique<slot>());
    slots_.back()->bytes = std::move(b);
    children_.spawn(fill(slots_.back().get(), offset_));
    offset_ += slots_.back()->bytes.size();
  }

  // Slots outlive their children: only close() drops unfinished ones, after the join.
  task<> fill(slot* s, std::uint64_t offset) {
    try {
      const std::size_t n = co_await input_.read_at(offset, s->bytes.bytes());
      if (n < s->bytes.size()) s->error = ended_early(offset + n);
    } catch (...) {
      s->error = std::current_exception();
    }
    s->done = true;
    progress_.notify_all();
  }

  std::exception_ptr ended_early(std::uint64_t at) const {
    return std::make_exception_ptr(failure(
        kind::corrupt,
        "a file became shorter while it was read",
        "\"" + input_.path() + "\" ended at byte " + std::to_string(at) + " of " +
            std::to_string(length_) + "."));
  }

  file input_;
  std::uint64_t length_;
  std::uint64_t offset_ = 0;
  block_budget budget_;
  std::deque<std::unique_ptr<slot>> slots_;
  event progress_;
  task_group children_;
};

} // namespace

std::unique_ptr<source>
read_file(runtime& rt, file input, std::uint64_t length, block_budget budget) {
  if (length > 4 * block::payload) ::posix_fadvise(input.descriptor(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::make_unique<file_source>(rt, std::move(input), length, std::move(budget));
}

} // namespace wale::io
