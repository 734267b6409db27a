#pragma once
// Files of a tree opened and closed on the CPU pool, dozens per job: for small files the calls cost
// more than the reading, and on a cold or remote file system they block.

#include <wale/base/tree_entry.hpp>
#include <wale/io/event.hpp>
#include <wale/io/unique_fd.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace wale::archive {

/// The files one packer has open: how many are in use, and those that wait for the next job to
/// close them. I/O thread only.
class open_count {
public:
  std::size_t in_use() const noexcept { return in_use_; }
  /// Notified when one is no longer in use.
  io::event& freed() noexcept { return freed_; }
  std::vector<io::unique_fd> take_unused() { return std::exchange(unused_, {}); }

private:
  friend class opened_file;
  std::size_t in_use_ = 0;
  std::vector<io::unique_fd> unused_;
  io::event freed_;
};

/// One file in use; must not outlive its count.
class opened_file {
public:
  opened_file(io::unique_fd fd, open_count& count) noexcept : fd_(std::move(fd)), count_(&count) {
    ++count.in_use_;
  }
  ~opened_file() {
    --count_->in_use_;
    count_->unused_.push_back(std::move(fd_));
    count_->freed_.notify_one();
  }
  opened_file(const opened_file&) = delete;
  opened_file& operator=(const opened_file&) = delete;

  int fd() const noexcept { return fd_.get(); }
  /// True the first time.
  bool mark_short() noexcept { return !std::exchange(short_, true); }

private:
  io::unique_fd fd_;
  bool short_ = false;
  open_count* count_;
};

/// What a job found out about one entry.
struct open_result {
  io::unique_fd fd; ///< none if the entry needs none or has vanished
  bool vanished = false;
  std::uint64_t size = 0; ///< of what was opened
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

/// How many of `entries` to open in one job: a few megabytes of them, so that a large file does not
/// wait for the small ones behind it.
std::size_t open_batch_length(std::span<const tree_entry> entries);

/// Opens the files among `entries`, links not followed, but for empty ones: those are taken as
/// planned, unless their size is that when opened. Blocks: for the CPU pool. Throws failure for
/// every error but absence.
std::vector<open_result> open_entries(std::span<const tree_entry> entries);

} // namespace wale::archive
