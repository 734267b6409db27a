#pragma once
// What every call of fs.cc and fs_tree.cc begins and ends with.

#include <wale/base/error.hpp>
#include <wale/io/failpoint.hpp>

#include <cerrno>
#include <string>

namespace wale::io::fs {

[[noreturn]] inline void fail(const char* call, const std::string& path, int error = errno) {
  throw failure::system(error, std::string(call) + " \"" + path + "\"");
}

/// Counts one operation for failpoints.
inline void begin(const char* call, const std::string& path) {
  if (const int error = failpoint()) fail(call, path, error);
}

/// Closes on every path.
class owned_fd {
public:
  explicit owned_fd(int fd) noexcept : fd_(fd) {}
  owned_fd(const owned_fd&) = delete;
  owned_fd& operator=(const owned_fd&) = delete;
  ~owned_fd();
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

private:
  int fd_;
};

} // namespace wale::io::fs
