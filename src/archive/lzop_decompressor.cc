// One coroutine reads and parses, one for each block decompresses and hashes it on the CPU pool.
//
// Stored bytes are not moved before a worker needs them: a block refers to the one or two input
// blocks it lies in. Only where the input comes in smaller pieces is it collected first, in memory
// that the plain bytes do not need yet, so that two input blocks are enough for any stream.
#include "in_order.hpp"

#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace wale::archive {

namespace {

using stored_piece = std::span<const std::byte>;

/// One block of lzop's on its way.
struct unit {
  lzop_block head{};
  io::block plain;
  std::vector<stored_piece> pieces;
  std::vector<std::shared_ptr<const io::block>> inputs; ///< that pieces lie in
  std::size_t collected = 0;                            ///< size of the piece that was copied

  void collect();
  void decode();
};

/// Copies all pieces behind each other, where they have to be if they are plain bytes already, else
/// to the end of the block's memory, and lets go of the inputs.
void unit::collect() {
  const auto memory = plain.room_with_slack();
  const auto place = head.is_compressed() ? memory.last(head.stored_size) : memory;
  if (collected != 0) pieces.erase(pieces.begin());
  for (const stored_piece& piece : pieces) {
    std::ranges::copy(piece, place.subspan(collected).begin());
    collected += piece.size();
  }
  pieces.assign(1, place.first(collected));
  inputs.clear();
}

void unit::decode() {
  plain.append(head.plain_size);
  lzop_decode(head, pieces, plain.bytes());
}

std::size_t units_in_flight(const io::runtime& rt, const io::block_budget& outputs) {
  return std::clamp<std::size_t>(outputs.size(), 1, 2 * std::size_t{rt.workers()} + 1);
}

} // namespace

struct lzop_decompressor::state {
  state(io::runtime& r, std::unique_ptr<io::source> c, io::block_budget o, plain_digest digest)
      : rt(r), compressed(std::move(c)), outputs(std::move(o)), out(units_in_flight(r, outputs)),
        children(r.context().get_executor()) {
    if (digest == plain_digest::yes) hash.emplace(r);
  }

  task<> read();
  task<bool> pull(unit& u);
  task<bool> refill();
  task<> decompress(std::uint64_t number, unit u);

  io::runtime& rt;
  std::unique_ptr<io::source> compressed;
  io::block_budget outputs;
  std::optional<ordered_sha256> hash;
  ordered_blocks out;
  io::task_group children;
  lzop_parser parser;
  std::shared_ptr<const io::block> input;
  stored_piece rest; ///< of `input`, not parsed yet
  bool started = false;
  bool closed = false;
  std::uint64_t plain_bytes = 0;
  std::uint64_t compressed_bytes = 0;
};

task<> lzop_decompressor::state::read() {
  std::exception_ptr error;
  try {
    while (true) {
      co_await out.wait_for_room();
      unit u;
      u.plain = co_await outputs.acquire();
      const bool more = co_await pull(u);
      if (!more) break;
      children.spawn(decompress(out.add(), std::move(u)));
    }
  } catch (...) {
    error = std::current_exception();
  }
  if (error) out.put(out.add(), error);
  out.end();
}

/// The next block's head and all its stored bytes; false at the end.
task<bool> lzop_decompressor::state::pull(unit& u) {
  auto head = parser.next_block(rest);
  while (!head) {
    const bool more = co_await refill();
    if (!more) {
      parser.finish();
      co_return false;
    }
    head = parser.next_block(rest);
  }
  u.head = *head;
  while (parser.stored_left() != 0) {
    if (rest.empty()) {
      if (u.pieces.size() > 1) u.collect();
      const bool more = co_await refill();
      if (!more) parser.finish();
    }
    u.pieces.push_back(parser.take_stored(rest));
    u.inputs.push_back(input);
  }
  co_return true;
}

task<bool> lzop_decompressor::state::refill() {
  // The source may need this very block for its next.
  input.reset();
  io::block b = co_await compressed->next();
  if (!b) co_return false;
  compressed_bytes += b.size();
  input = std::make_shared<const io::block>(std::move(b));
  rest = input->bytes();
  co_return true;
}

task<> lzop_decompressor::state::decompress(std::uint64_t number, unit u) {
  std::exception_ptr error;
  try {
    auto job = [&u] { u.decode(); };
    co_await rt.offload(job);
    u.inputs.clear();
    if (hash) co_await hash->add(number, u.plain.bytes());
  } catch (...) {
    error = std::current_exception();
  }
  if (error)
    out.put(number, error);
  else
    out.put(number, std::move(u.plain));
}

lzop_decompressor::lzop_decompressor(
    io::runtime& rt,
    std::unique_ptr<io::source> compressed,
    io::block_budget outputs,
    plain_digest digest)
    : state_(std::make_unique<state>(rt, std::move(compressed), std::move(outputs), digest)) {}

lzop_decompressor::~lzop_decompressor() = default;

task<io::block> lzop_decompressor::next() {
  state& s = *state_;
  if (s.closed) co_return io::block();
  if (!std::exchange(s.started, true)) {
    s.children.spawn(s.read());
  }
  io::block b = co_await s.out.take();
  s.plain_bytes += b.size();
  co_return std::move(b);
}

task<> lzop_decompressor::close() {
  state& s = *state_;
  s.closed = true;
  s.children.cancel();
  try {
    co_await s.children.join();
  } catch (const failure&) {
    // Only a cancellation of this wait: all children have ended, and their failures were kept.
  }
  s.out.clear();
  s.input.reset();
  s.rest = stored_piece();
  co_await s.compressed->close();
}

std::uint64_t lzop_decompressor::plain_bytes() const noexcept {
  return state_->plain_bytes;
}
std::uint64_t lzop_decompressor::compressed_bytes() const noexcept {
  return state_->compressed_bytes;
}
sha256_value lzop_decompressor::digest() {
  return state_->hash->finish();
}

} // namespace wale::archive
