// O_DIRECT wants aligned memory, offsets and lengths: whole blocks have all three, the last one is
// filled up with zeros, which are cut off when all is written.
#include "uncached_writer.hpp"

#include <wale/base/error.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <utility>

namespace wale::store {
namespace {

/// As much as any file system asks for: logical blocks of devices, btrfs's sectors on large pages.
constexpr std::size_t alignment = 64 * 1024;

// Not supported is no failure: the flag stays off.
void set_direct(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_DIRECT);
}

task<> write_block(io::file& out, std::uint64_t offset, io::block b) {
  co_await out.write_at(offset, b.bytes());
}

// Copies the front of `from` into the room of `to`, and drops it.
void fill(io::block& to, std::span<const std::byte>& from) {
  const std::size_t n = std::min(to.room().size(), from.size());
  std::memcpy(to.room().data(), from.data(), n);
  to.append(n);
  from = from.subspan(n);
}

void fill_up(io::block& b) {
  const std::size_t n = (alignment - b.size() % alignment) % alignment;
  std::memset(b.room().data(), 0, n);
  b.append(n);
}

struct gathering {
  io::file& out;
  io::source& body;
  io::block_budget& staging;
  io::task_group& writes;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  io::block last = {};

  task<> run() {
    last = co_await staging.acquire();
    while (!writes.failed()) {
      const io::block b = co_await body.next();
      if (!b) {
        finish();
        co_return;
      }
      std::span<const std::byte> left = b.bytes();
      while (!left.empty()) {
        fill(last, left);
        if (!last.room().empty()) continue;
        writes.spawn(write_block(out, offset, std::move(last)));
        offset += io::block::payload;
        last = co_await staging.acquire();
      }
    }
  }

  void finish() {
    length = offset + last.size();
    if (last.empty()) return;
    fill_up(last);
    writes.spawn(write_block(out, offset, std::move(last)));
  }
};

} // namespace

task<std::uint64_t>
write_around_cache(io::runtime& rt, io::file& out, io::source& body, io::block_budget& staging) {
  set_direct(out.descriptor());
  io::task_group writes(rt.context().get_executor());
  gathering gather{out, body, staging, writes};
  std::exception_ptr error;
  try {
    co_await gather.run();
  } catch (...) {
    error = std::current_exception();
  }
  if (error) writes.cancel();
  co_await writes.join();
  if (error) std::rethrow_exception(error);

  auto cut = [&] { io::fs::set_length(out.descriptor(), gather.length); };
  co_await rt.offload(cut);
  co_return gather.length;
}

} // namespace wale::store
