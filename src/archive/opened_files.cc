// The blocking calls behind opened_files.hpp.
#include "opened_files.hpp"

#include <wale/base/error.hpp>
#include <wale/io/failpoint.hpp>
#include <wale/io/fs.hpp>

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace wale::archive {
namespace {

constexpr std::size_t batch_files = 32;
constexpr std::uint64_t batch_bytes = 4 * 1024 * 1024;
/// From this size on the kernel is told to read far ahead (docs/design.md, "Cold reads").
constexpr std::uint64_t sequential_from = 1024 * 1024;

constexpr const char* msg_unreadable = "a file of the data directory cannot be read";

/// A file with several names is opened even if empty, to learn its identity.
bool needs_opening(const tree_entry& e) {
  return e.type == tree_entry::kind::file && (e.size > 0 || e.links > 1 || e.is_sized_when_opened);
}

open_result open_entry(const tree_entry& entry) {
  open_result result;
  // O_NONBLOCK: should a fifo have taken the name, open must not wait for its writer.
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int error = io::failpoint();
  if (error == 0) {
    result.fd = io::unique_fd(::open(entry.path.c_str(), flags));
    if (!result.fd) error = errno;
  }
  result.vanished = error == ENOENT || error == ENOTDIR;
  if (result.vanished) return result;
  if (error != 0) throw failure::system(error, "open \"" + entry.path + "\"", msg_unreadable);
  struct stat st {};
  if (::fstat(result.fd.get(), &st) != 0)
    throw failure::system(errno, "stat \"" + entry.path + "\"", msg_unreadable);
  if (!S_ISREG(st.st_mode))
    throw failure(
        kind::unavailable,
        msg_unreadable,
        "\"" + entry.path + "\" was a file and has become something else.");
  io::fs::let_wait(result.fd.get());
  result.size = static_cast<std::uint64_t>(st.st_size);
  result.device = st.st_dev;
  result.inode = st.st_ino;
  if (entry.size >= sequential_from) ::posix_fadvise(result.fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return result;
}

} // namespace

std::size_t open_batch_length(std::span<const tree_entry> entries) {
  std::uint64_t bytes = 0;
  std::size_t files = 0;
  std::size_t n = 0;
  while (n < entries.size() && files < batch_files && bytes < batch_bytes) {
    const tree_entry& e = entries[n++];
    if (!needs_opening(e)) continue;
    ++files;
    bytes += e.size;
  }
  return n;
}

std::vector<open_result> open_entries(std::span<const tree_entry> entries) {
  std::vector<open_result> results(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (needs_opening(entries[i])) results[i] = open_entry(entries[i]);
  return results;
}

} // namespace wale::archive
