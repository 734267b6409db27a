// The lock is on the directory itself, so nothing is left behind.
#include "directory_lock.hpp"

#include <wale/base/error.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace wale::command {

directory_lock::directory_lock(const std::string& directory, const std::string& other)
    : fd_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_) throw failure::system(errno, "open \"" + directory + "\"");
  if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  throw failure(
      kind::refused,
      other + " is running",
      "\"" + directory + "\" is locked.",
      "Wait for it to end, or stop it.");
}

} // namespace wale::command
