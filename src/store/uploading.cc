// Blocks of a part are kept until the store has acknowledged it, so whoever repeats its request
// finds the bytes in place.
#include "uploading.hpp"

#include "part_gatherer.hpp"

#include <wale/base/digest.hpp>
#include <wale/base/log.hpp>
#include <wale/io/chain.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/event.hpp>
#include <wale/io/shield.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iterator>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace wale::store {
namespace {

using outcome = put_result::outcome;

/// For clean-up, while somebody waits for the command to end.
constexpr std::chrono::seconds abort_limit{3};

// 128 random bits.
std::string make_token() {
  std::random_device entropy;
  std::string token;
  for (int i = 0; i < 4; ++i) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(entropy()));
    token += digits;
  }
  return token;
}

task<> warm_up_quietly(bucket& remote) {
  try {
    co_await remote.warm_up();
  } catch (const failure&) { // the first request meets it again
    co_return;
  }
}

// The parts of one upload that has begun.
class part_sender {
public:
  part_sender(
      io::runtime& rt, bucket& remote, part_gatherer& from, block_run gathered, const upload& to)
      : remote_(remote), from_(from), gathered_(std::move(gathered)), to_(to),
        group_(rt.context().get_executor()) {}

  /// Sends all there is. The first failure ends the others.
  task<std::vector<uploaded_part>> run() {
    group_.spawn(gather());
    co_await group_.join();
    co_return std::move(parts_);
  }

private:
  task<> gather() {
    while (true) {
      block_run blocks = take_gathered();
      co_await from_.fill(blocks, part_blocks);
      if (blocks.empty()) co_return;
      while (in_flight_ >= remote_.traits().parts_at_once)
        co_await acknowledged_.wait();
      if (parts_.size() == remote_.traits().most_parts) throw too_large();
      parts_.emplace_back();
      ++in_flight_;
      group_.spawn(send(static_cast<std::uint32_t>(parts_.size()), std::move(blocks)));
    }
  }

  // What had been gathered before it was known that there would be parts.
  block_run take_gathered() {
    const auto n = static_cast<std::ptrdiff_t>(std::min(part_blocks, gathered_.size()));
    block_run blocks(
        std::make_move_iterator(gathered_.begin()), std::make_move_iterator(gathered_.begin() + n));
    gathered_.erase(gathered_.begin(), gathered_.begin() + n);
    return blocks;
  }

  task<> send(std::uint32_t number, block_run blocks) {
    uploaded_part done = co_await remote_.put_part(to_, number, pieces_of(blocks));
    parts_[number - 1] = std::move(done);
    --in_flight_;
    acknowledged_.notify_one();
  }

  failure too_large() const {
    return failure(
        kind::refused,
        "the object is too large for this store",
        "\"" + to_.key + "\" has more than " + std::to_string(remote_.traits().most_parts) +
            " parts of " + std::to_string(part_blocks * io::block::payload) + " bytes.");
  }

  bucket& remote_;
  part_gatherer& from_;
  block_run gathered_;
  const upload& to_;
  std::vector<uploaded_part> parts_;
  std::size_t in_flight_ = 0;
  io::event acknowledged_;
  io::task_group group_;
};

// The digest of an object that grows, one block after the other as they are filled, so that little
// of it is left to do when the last one has come.
class payload_hashing {
public:
  /// `jobs` is joined before this and the blocks are gone.
  payload_hashing(io::runtime& rt, io::task_group& jobs) : rt_(rt), jobs_(jobs) {}

  void add(const io::block& b) { jobs_.spawn(hash(b.bytes())); }
  /// When the jobs have been joined.
  sha256_value finish() { return digest_.finish(); }

private:
  task<> hash(std::span<const std::byte> bytes) {
    auto job = [this, bytes] { digest_.update(bytes); };
    co_await rt_.offload_in_order(order_, job);
  }

  io::runtime& rt_;
  io::task_group& jobs_;
  sha256 digest_;
  io::chain order_;
};

struct uploading {
  io::runtime& rt;
  bucket& remote;
  std::string key;
  put_request request;
  io::source& body;
  io::task_group& beside; ///< what goes on until the body has been read
  payload_hashing payload{rt, beside};
  block_run gathered = {};

  task<put_result> run() {
    beside.spawn(warm_up_quietly(remote));
    std::exception_ptr error;
    put_result result;
    try {
      result = co_await store_it();
    } catch (...) {
      error = std::current_exception();
    }
    if (!error) co_return result;
    beside.cancel();
    co_await end_of_beside();
    std::rethrow_exception(error);
  }

  // A second cancellation does not matter any more.
  task<> end_of_beside() {
    try {
      co_await beside.join();
    } catch (const failure&) {
      co_return;
    }
  }

  task<put_result> store_it() {
    const bool given = request.staging.size() >= staging_for_parts;
    io::block_budget staging = std::move(request.staging);
    // Most objects that come without blocks are small.
    if (!given) staging = co_await rt.blocks().reserve(1);
    std::size_t room = staging.size();
    part_gatherer from(body, std::move(staging));
    // Who gives more than parts need means it to go in one request.
    const bool hashes = room > staging_for_parts && remote.traits().signs_payload;
    std::size_t hashed = 0;
    while (hashed < room) {
      co_await from.fill(gathered, hashed + 1);
      if (gathered.size() == hashed) break;
      if (hashes) payload.add(gathered.back());
      ++hashed;
    }
    bool whole = co_await from.at_end();
    if (!whole && !given) {
      io::block_budget more = co_await rt.blocks().reserve(staging_for_parts);
      room = more.size();
      co_await from.change_staging(std::move(more), gathered);
      co_await from.fill(gathered, room);
      whole = co_await from.at_end();
    }
    if (whole) from.give_back();
    co_await beside.join();
    if (request.admission) co_await request.admission();

    put_result result;
    std::optional<sha256_value> payload_digest;
    if (hashes && whole) payload_digest = payload.finish();
    if (whole)
      result.what = co_await store_whole(payload_digest);
    else
      result.what = co_await store_parts(from, std::move(gathered));
    result.bytes = from.bytes();
    co_return result;
  }

  object_description describe() const {
    object_description d;
    d.content_type = request.content_type;
    if (request.plain_digest) d.plain_digest = request.plain_digest();
    d.token = make_token();
    return d;
  }

  task<outcome> store_whole(std::optional<sha256_value> payload_digest) {
    object_description description = describe();
    description.payload_digest = payload_digest;
    co_return co_await remote.put(
        key, std::move(description), pieces_of(gathered), request.condition);
  }

  task<outcome> store_parts(part_gatherer& from, block_run first) {
    object_description description = describe();
    const upload begun = co_await remote.begin(key, std::move(description), request.condition);
    std::exception_ptr error;
    outcome what = outcome::exists;
    try {
      part_sender sender(rt, remote, from, std::move(first), begun);
      const std::vector<uploaded_part> parts = co_await sender.run();
      what = co_await remote.complete(begun, parts);
    } catch (...) {
      error = std::current_exception();
    }
    if (!error && what == outcome::stored) co_return what;
    try {
      co_await io::shield(abort_quietly(rt, remote, begun));
    } catch (...) { // cancelled meanwhile; the first failure is the one to tell
      if (!error) throw;
    }
    if (error) std::rethrow_exception(error);
    co_return what;
  }
};

} // namespace

task<> abort_quietly(io::runtime& rt, bucket& remote, upload what) {
  try {
    co_await io::within(rt, abort_limit, "Aborting an upload", remote.abort(what));
  } catch (const failure& f) {
    log::debug(
        "wal_e.worker.upload",
        {"could not abort an unfinished upload",
         "\"" + what.key + "\": " + f.text().msg + " " + f.text().detail});
  }
}

task<put_result> upload_body(
    io::runtime& rt, bucket& remote, std::string key, put_request request, io::source& body) {
  io::task_group warming(rt.context().get_executor());
  uploading u{rt, remote, std::move(key), std::move(request), body, warming};
  co_return co_await u.run();
}

} // namespace wale::store
