// Files: short reads and writes are gone on with here, errors get their path here.
#include "transfer.hpp"

#include <wale/base/error.hpp>
#include <wale/io/file.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/runtime.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace wale::io {

namespace {

[[noreturn]] void fail(int result, const char* call, const std::string& path) {
  throw failure::system(-result, std::string(call) + " \"" + path + "\"");
}

// The first `limit` non-empty parts from `first` on, without `skip` bytes at the beginning.
std::vector<iovec>
gather(const std::vector<std::span<const std::byte>>& parts, std::size_t first, std::size_t skip) {
  std::vector<iovec> vectors;
  std::size_t total = 0;
  for (std::size_t i = first; i < parts.size() && vectors.size() < IOV_MAX; ++i) {
    auto part = parts[i].subspan(i == first ? skip : 0);
    part = part.first(std::min(part.size(), longest_transfer - total));
    if (part.empty()) continue;
    vectors.push_back({const_cast<std::byte*>(part.data()), part.size()});
    total += part.size();
  }
  return vectors;
}

} // namespace

file::file(file&& other) noexcept
    : runtime_(other.runtime_), fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

file& file::operator=(file&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  runtime_ = other.runtime_;
  fd_ = std::exchange(other.fd_, -1);
  path_ = std::move(other.path_);
  return *this;
}

file::~file() {
  if (fd_ >= 0) ::close(fd_);
}

task<file> file::open(runtime& rt, std::string path, int flags, mode_t mode) {
  operation op;
  op.kind = op_kind::open;
  op.path = path.c_str();
  op.flags = flags;
  op.mode = mode;
  const int fd = co_await rt.perform(op);
  if (fd < 0) fail(fd, "open", path);
  if (flags & O_NONBLOCK) fs::let_wait(fd);
  co_return own(rt, fd, std::move(path));
}

file file::adopt(runtime& rt, int fd, std::string path) {
  fs::let_wait(fd);
  return own(rt, fd, std::move(path));
}

file file::own(runtime& rt, int fd, std::string path) noexcept {
  file f;
  f.runtime_ = &rt;
  f.fd_ = fd;
  f.path_ = std::move(path);
  return f;
}

task<std::size_t> file::read_at(std::uint64_t offset, std::span<std::byte> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    operation op;
    op.kind = op_kind::read;
    op.fd = fd_;
    op.data = into.data() + got;
    op.length = std::min(into.size() - got, longest_transfer);
    op.offset = offset + got;
    const int n = co_await runtime_->perform(op);
    if (n < 0) fail(n, "read", path_);
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  co_return got;
}

task<> file::write_at(std::uint64_t offset, std::span<const std::byte> from) {
  while (!from.empty()) {
    operation op;
    op.kind = op_kind::write;
    op.fd = fd_;
    op.data = const_cast<std::byte*>(from.data());
    op.length = std::min(from.size(), longest_transfer);
    op.offset = offset;
    const int n = co_await runtime_->perform(op);
    // A file system that writes nothing and reports nothing would keep us here for ever.
    if (n == 0) fail(-EIO, "write", path_);
    if (n < 0) fail(n, "write", path_);
    offset += static_cast<std::uint64_t>(n);
    from = from.subspan(static_cast<std::size_t>(n));
  }
}

task<> file::write_at(std::uint64_t offset, std::vector<std::span<const std::byte>> parts) {
  std::size_t first = 0;
  std::size_t skip = 0;
  while (true) {
    const std::vector<iovec> vectors = gather(parts, first, skip);
    if (vectors.empty()) co_return;
    operation op;
    op.kind = op_kind::writev;
    op.fd = fd_;
    op.vectors = vectors.data();
    op.vector_count = static_cast<unsigned>(vectors.size());
    op.offset = offset;
    const int n = co_await runtime_->perform(op);
    if (n == 0) fail(-EIO, "writev", path_);
    if (n < 0) fail(n, "writev", path_);
    offset += static_cast<std::uint64_t>(n);
    skip += static_cast<std::size_t>(n);
    while (first < parts.size() && skip >= parts[first].size())
      skip -= parts[first++].size();
  }
}

task<> file::sync() {
  operation op;
  op.kind = op_kind::fsync;
  op.fd = fd_;
  const int n = co_await runtime_->perform(op);
  if (n < 0) fail(n, "fsync", path_);
}

void file::close() {
  const int fd = std::exchange(fd_, -1);
  // EINTR of close(2) on Linux has closed the descriptor all the same.
  if (fd >= 0 && ::close(fd) < 0 && errno != EINTR) fail(-errno, "close", path_);
}

} // namespace wale::io
