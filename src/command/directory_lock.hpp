#pragma once
// Keeps two commands from working on one directory at the same time (flock).

#include <wale/io/unique_fd.hpp>

#include <string>

namespace wale::command {

/// Holds the lock for as long as it lives. Other programs are not kept out.
class directory_lock {
public:
  /// Throws kind::refused, saying what `other` is, while another process holds it. Where the file
  /// system has no locks, nothing is locked.
  directory_lock(const std::string& directory, const std::string& other);

private:
  io::unique_fd fd_;
};

} // namespace wale::command
