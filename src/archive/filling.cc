// Starting reads, and mending what came back short.
#include "filling.hpp"

#include <wale/base/error.hpp>
#include <wale/io/failpoint.hpp>

#include <algorithm>
#include <cstring>

namespace wale::archive {

std::size_t filling::write(std::string_view text) noexcept {
  const auto room = bytes_.room();
  const std::size_t n = std::min(room.size(), text.size());
  std::memcpy(room.data(), text.data(), n);
  bytes_.append(n);
  return n;
}

std::size_t filling::write_zeros(std::size_t n) noexcept {
  const auto room = bytes_.room();
  n = std::min(room.size(), n);
  std::memset(room.data(), 0, n);
  bytes_.append(n);
  return n;
}

std::size_t filling::read(
    const std::shared_ptr<opened_file>& file,
    const std::string& path,
    std::uint64_t offset,
    std::uint64_t n) {
  const auto room = bytes_.room();
  piece& p = pieces_.emplace_back();
  p.kind = io::op_kind::read;
  p.fd = file->fd();
  p.data = room.data();
  p.length = static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), n));
  p.offset = offset;
  p.complete = &read_ended;
  p.into = this;
  p.file = file;
  p.source = &path;
  bytes_.append(p.length);
  if (const int injected = io::failpoint()) {
    p.result = -injected;
    return p.length;
  }
  p.in_flight = true;
  ++in_flight_;
  runtime_.engine().start(p);
  return p.length;
}

void filling::read_ended(io::operation* self, int result) noexcept {
  piece& p = static_cast<piece&>(*self);
  p.in_flight = false;
  p.result = result;
  if (result >= 0 && static_cast<std::size_t>(result) == p.length) p.file.reset();
  if (--p.into->in_flight_ == 0) p.into->ended_.notify_all();
}

void filling::cancel_reads() noexcept {
  for (piece& p : pieces_)
    if (p.in_flight) runtime_.engine().cancel(p);
}

task<io::block> filling::finish(std::size_t& short_files) {
  for (piece& p : pieces_)
    if (p.file) co_await complete(p, short_files);
  co_return std::move(bytes_);
}

task<> filling::complete(piece& p, std::size_t& short_files) {
  io::operation rest = p;
  rest.complete = nullptr;
  int result = p.result;
  std::size_t done = 0;
  for (;;) {
    if (result < 0)
      throw failure::system(
          -result, "read \"" + *p.source + "\"", "a file of the data directory cannot be read");
    done += static_cast<std::size_t>(result);
    if (result == 0 || done == p.length) break;
    rest.data = static_cast<std::byte*>(p.data) + done;
    rest.length = p.length - done;
    rest.offset = p.offset + done;
    result = co_await runtime_.perform(rest);
  }
  if (done < p.length) {
    std::memset(static_cast<std::byte*>(p.data) + done, 0, p.length - done);
    if (p.file->mark_short()) ++short_files;
  }
  p.file.reset();
}

} // namespace wale::archive
