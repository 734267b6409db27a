// One coroutine reads, one for each block hashes and compresses it on the CPU pool; next() packs
// the results. A block that did not shrink is handed on as it came, with a head before it.
#include "in_order.hpp"

#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace wale::archive {

namespace {

/// Enough to keep every core busy while one block is read, one hashed and some wait to be taken.
std::size_t blocks_in_flight(const io::runtime& rt) {
  return 2 * std::size_t{rt.workers()} + 1;
}

void copy_in_front(io::block& b, std::span<const std::byte> bytes) {
  std::ranges::copy(bytes, b.prepend(bytes.size()).begin());
}

void copy_behind(io::block& b, std::span<const std::byte> bytes) {
  std::ranges::copy(bytes, b.room_with_slack().begin());
  b.append(bytes.size());
}

} // namespace

struct lzop_compressor::state {
  state(
      io::runtime& r,
      std::unique_ptr<io::source> p,
      io::block_budget s,
      lzop_stamp st,
      plain_digest digest)
      : rt(r), plain(std::move(p)), spare(std::move(s)), stamp(st), out(blocks_in_flight(r)),
        children(r.context().get_executor()) {
    if (digest == plain_digest::yes) hash.emplace(r);
  }

  task<> read();
  task<> compress(std::uint64_t number, io::block b);
  task<io::block> last();

  io::runtime& rt;
  std::unique_ptr<io::source> plain;
  io::block_budget spare;
  lzop_stamp stamp;
  std::optional<ordered_sha256> hash;
  ordered_blocks out;
  io::task_group children;
  io::block held; ///< what the next result may be packed into
  bool started = false;
  bool finished = false;
  std::uint64_t plain_bytes = 0;
  std::uint64_t compressed_bytes = 0;
};

task<> lzop_compressor::state::read() {
  std::exception_ptr error;
  try {
    while (true) {
      co_await out.wait_for_room();
      io::block b = co_await plain->next();
      if (!b) break;
      if (b.size() > lzop_block_limit) throw failure(kind::bug, "a block is too large for lzop");
      plain_bytes += b.size();
      children.spawn(compress(out.add(), std::move(b)));
    }
  } catch (...) {
    error = std::current_exception();
  }
  if (error) out.put(out.add(), error);
  out.end();
}

task<> lzop_compressor::state::compress(std::uint64_t number, io::block b) {
  std::exception_ptr error;
  try {
    lzop_encoded encoded;
    auto job = [&encoded, &b] { encoded = lzop_encode(b.bytes()); };
    if (hash)
      co_await hash->add_then(number, b.bytes(), job);
    else
      co_await rt.offload(job);
    b.truncate(encoded.size);
    copy_in_front(b, encoded.head);
  } catch (...) {
    error = std::current_exception();
  }
  if (error)
    out.put(number, error);
  else
    out.put(number, std::move(b));
}

/// What is held, and the end; of an empty stream a header and the end.
task<io::block> lzop_compressor::state::last() {
  if (!held) {
    held = co_await spare.acquire();
    copy_in_front(held, lzop_header(stamp));
  }
  copy_behind(held, lzop_end);
  finished = true;
  co_return std::move(held);
}

lzop_compressor::lzop_compressor(
    io::runtime& rt,
    std::unique_ptr<io::source> plain,
    io::block_budget spare,
    lzop_stamp stamp,
    plain_digest digest)
    : state_(std::make_unique<state>(rt, std::move(plain), std::move(spare), stamp, digest)) {}

lzop_compressor::~lzop_compressor() = default;

void lzop_compressor::start() {
  state& s = *state_;
  if (!std::exchange(s.started, true)) s.children.spawn(s.read());
}

task<io::block> lzop_compressor::next() {
  state& s = *state_;
  if (s.finished) co_return io::block();
  start();
  io::block full;
  while (!full) {
    io::block b = co_await s.out.take();
    if (!b) {
      full = co_await s.last();
    } else if (!s.held) {
      // Only the very first block finds nothing held.
      copy_in_front(b, lzop_header(s.stamp));
      s.held = std::move(b);
    } else if (b.size() <= s.held.room().size()) {
      copy_behind(s.held, b.bytes());
    } else {
      full = std::exchange(s.held, std::move(b));
    }
  }
  s.compressed_bytes += full.size();
  co_return std::move(full);
}

task<> lzop_compressor::close() {
  state& s = *state_;
  s.finished = true;
  s.children.cancel();
  try {
    co_await s.children.join();
  } catch (const failure&) {
    // Only a cancellation of this wait: all children have ended, and their failures were kept.
  }
  s.out.clear();
  s.held = io::block();
  co_await s.plain->close();
}

std::uint64_t lzop_compressor::plain_bytes() const noexcept {
  return state_->plain_bytes;
}
std::uint64_t lzop_compressor::compressed_bytes() const noexcept {
  return state_->compressed_bytes;
}
sha256_value lzop_compressor::digest() {
  return state_->hash->finish();
}

} // namespace wale::archive
