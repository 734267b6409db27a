#pragma once
// One open file, carried by the engine. Every failure names the path.

#include <wale/io/engine.hpp>
#include <wale/io/task.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wale::io {

class runtime;

/// Move-only. Any number of operations may be in flight at once; all must have ended before close()
/// or destruction. Cancelling an operation waits for the kernel to let go of the buffer, then
/// throws kind::interrupted; how much was read or written is then unknown.
class file {
public:
  file() noexcept = default;
  file(file&& other) noexcept;
  file& operator=(file&& other) noexcept;
  ~file();

  /// open(2) with O_CLOEXEC; O_NONBLOCK is for the opening only. Throws failure with
  /// error_number(), for example ENOENT.
  static task<file> open(runtime& rt, std::string path, int flags, mode_t mode = 0640);
  /// Takes ownership of a descriptor, and O_NONBLOCK off it (fs::let_wait()).
  static file adopt(runtime& rt, int fd, std::string path);

  explicit operator bool() const noexcept { return fd_ >= 0; }
  int descriptor() const noexcept { return fd_; }
  const std::string& path() const noexcept { return path_; }

  /// Reads until `into` is full or the file ends; returns how much.
  task<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into);
  /// Writes all of it, or throws.
  task<> write_at(std::uint64_t offset, std::span<const std::byte> from);
  /// Writes all parts, one after the other, with as few operations as possible.
  task<> write_at(std::uint64_t offset, std::vector<std::span<const std::byte>> parts);
  /// fsync(2).
  task<> sync();
  /// close(2), reporting its error. The file is closed in any case.
  void close();

private:
  static file own(runtime& rt, int fd, std::string path) noexcept;

  runtime* runtime_ = nullptr;
  int fd_ = -1;
  std::string path_;
};

} // namespace wale::io
