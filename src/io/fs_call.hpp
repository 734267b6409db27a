#pragma once
// What every call of fs.cc and fs_tree.cc begins and ends with.

#include <wale/base/error.hpp>
#include <wale/io/failpoint.hpp>
#include <wale/io/unique_fd.hpp>

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

} // namespace wale::io::fs
