// O_DIRECT wants aligned memory, offsets and lengths: whole blocks have all three, and so has the
// last one up to its last whole block of the file system; the rest goes through the cache. Room is
// made ahead, as direct writes that make a file longer wait for each other.
#include "uncached_writer.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <utility>

namespace wale::store {
namespace {

constexpr std::size_t room_ahead = 8 * 1024 * 1024;

/// As much as any file system asks for: logical blocks of devices, btrfs's sectors on large pages.
constexpr std::size_t most_alignment = 64 * 1024;

// A file system's own blocks are never smaller than its device's. Some name instead what they like
// best, which may be megabytes, or no power of two.
std::size_t alignment_of(int fd) {
  struct stat s {};
  if (::fstat(fd, &s) != 0 || s.st_blksize <= 0) return most_alignment;
  const auto block = static_cast<std::size_t>(s.st_blksize);
  return std::has_single_bit(block) ? std::min(block, most_alignment) : most_alignment;
}

// Not supported is no failure: the flag stays off.
void set_direct(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

task<> write_block(io::file& out, std::uint64_t offset, io::block b) {
  co_await out.write_at(offset, b.bytes());
}

task<> write_bytes(io::file& out, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (!bytes.empty()) co_await out.write_at(offset, bytes);
}

// Copies the front of `from` into the room of `to`, and drops it.
void fill(io::block& to, std::span<const std::byte>& from) {
  const std::size_t n = std::min(to.room().size(), from.size());
  std::memcpy(to.room().data(), from.data(), n);
  to.append(n);
  from = from.subspan(n);
}

struct gathering {
  io::runtime& rt;
  io::file& out;
  io::source& body;
  io::block_budget& staging;
  io::task_group& writes;
  std::uint64_t offset = 0;
  std::uint64_t room = 0;
  std::size_t alignment = most_alignment; ///< until the file system has been asked
  io::block last = {};

  // Afterwards `last` is what is not on its way, and where it belongs is `offset`.
  task<> run() {
    last = co_await staging.acquire();
    while (!writes.failed()) {
      const io::block b = co_await body.next();
      if (!b) co_return;
      std::span<const std::byte> left = b.bytes();
      while (!left.empty()) {
        fill(last, left);
        if (!last.room().empty()) continue;
        if (offset == room) co_await make_room();
        writes.spawn(write_block(out, offset, std::move(last)));
        offset += io::block::payload;
        last = co_await staging.acquire();
      }
    }
  }

  task<> make_room() {
    auto allocate = [this] {
      const int fd = out.descriptor();
      io::fs::allocate(fd, room, room_ahead);
      if (room == 0) alignment = alignment_of(fd);
    };
    co_await rt.offload(allocate);
    room += room_ahead;
  }
};

} // namespace

task<std::uint64_t>
write_around_cache(io::runtime& rt, io::file& out, io::source& body, io::block_budget& staging) {
  const int fd = out.descriptor();
  set_direct(fd, true);
  io::task_group writes(rt.context().get_executor());
  gathering gather{rt, out, body, staging, writes};
  std::size_t rest = 0;
  std::exception_ptr error;
  try {
    co_await gather.run();
    const std::span<const std::byte> end = gather.last.bytes();
    rest = end.size() % gather.alignment;
    writes.spawn(write_bytes(out, gather.offset, end.first(end.size() - rest)));
  } catch (...) {
    error = std::current_exception();
  }
  if (error) writes.cancel();
  co_await writes.join();
  if (error) std::rethrow_exception(error);

  const std::uint64_t length = gather.offset + gather.last.size();
  set_direct(fd, false);
  co_await write_bytes(out, length - rest, gather.last.bytes().last(rest));
  co_return length;
}

} // namespace wale::store
