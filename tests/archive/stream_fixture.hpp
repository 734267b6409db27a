#pragma once
// Streams over strings, and a runtime on the engine that WALE_IO names.

#include <wale/base/error.hpp>
#include <wale/io/event.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

namespace wale::archive::test {

/// What a test sees of a source that it has given away.
struct source_log {
  std::size_t blocks = 0;
  int closes = 0;
  bool waits = false; ///< hangs now
};

/// Yields a string in blocks of `piece` bytes.
class string_source final : public io::source {
public:
  enum class ending { regular, failure, hang };

  string_source(
      io::block_budget budget,
      std::string bytes,
      std::size_t piece,
      source_log& log,
      ending last = ending::regular)
      : budget_(std::move(budget)), bytes_(std::move(bytes)), piece_(piece), log_(log),
        last_(last) {}

  task<io::block> next() override {
    if (at_ == bytes_.size()) {
      if (last_ == ending::failure) throw failure(kind::unavailable, "the test's source failed");
      if (last_ == ending::hang) {
        log_.waits = true;
        hanging_.notify_all();
        co_await forever_.wait();
      }
      co_return io::block();
    }
    io::block b = co_await budget_.acquire();
    const std::size_t n = std::min(piece_, bytes_.size() - at_);
    std::memcpy(b.room().data(), bytes_.data() + at_, n);
    b.append(n);
    at_ += n;
    ++log_.blocks;
    co_return std::move(b);
  }

  task<> close() override {
    ++log_.closes;
    co_return;
  }

  /// Returns when next() hangs.
  task<> wait_until_hanging() {
    while (!log_.waits)
      co_await hanging_.wait();
  }

private:
  io::block_budget budget_;
  std::string bytes_;
  std::size_t piece_;
  source_log& log_;
  ending last_;
  std::size_t at_ = 0;
  io::event forever_;
  io::event hanging_;
};

/// Runs `body(rt)`, a coroutine, to its end; then every block must be back in the pool.
template <class Body> void run_task(Body body, std::size_t blocks = 64) {
  io::runtime_options options;
  options.engine = io::engine_choice_from_environment();
  options.blocks = blocks;
  options.workers = 3;
  options.handle_signals = false;
  io::runtime rt(options);
  rt.run(body(rt));
  if (rt.blocks().available() != blocks) throw failure(kind::bug, "blocks were kept");
}

inline void append(std::string& to, const io::block& b) {
  to.append(reinterpret_cast<const char*>(b.bytes().data()), b.size());
}

/// All that a source yields; does not close it.
inline task<std::string> read_all(io::source& from) {
  std::string all;
  while (true) {
    const io::block b = co_await from.next();
    if (!b) break;
    append(all, b);
  }
  co_return all;
}

} // namespace wale::archive::test
