#pragma once
// A partition of a tree as a stream of tar bytes.
//
// The data directory is alive while it is read. So a file that is gone is left out and noted, one
// that shrank is filled with NULs and one that grew is cut at its planned size, each header being
// written before its body is read; PostgreSQL's WAL mends all of that. What it does not mend has
// the size of the moment in which it is opened: hours may have passed since the scan, and such
// files are replaced by rename(2). Everything else (EIO, EACCES, another kind of file) is a failure
// naming the file.

#include <wale/base/tree_entry.hpp>
#include <wale/io/block.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace wale::archive {

/// A member whose body is in memory (backup_label, pg_control).
struct memory_member {
  std::string name;
  std::string bytes;
  std::uint32_t mode = 0600;
  std::int64_t mtime_ns = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// Awaited before bytes of a file are read, with how many are wanted; gives how many of them may be
/// read now, at least 1.
using byte_gate = std::function<task<std::size_t>(std::size_t wanted)>;

struct pack_plan {
  std::vector<tree_entry> entries = {}; ///< in the order of the members
  std::vector<memory_member> tail = {}; ///< members after them
  byte_gate gate = {};                  ///< optional
};

/// What was written; complete once next() has given the empty handle.
struct pack_summary {
  std::size_t members = 0;
  std::uint64_t file_bytes = 0;      ///< sum of the members' sizes
  std::vector<std::string> vanished; ///< names of entries left out
  std::size_t padded = 0;            ///< files that were shorter than planned
};

/// Yields full blocks of 256 KiB, the last one shorter; the whole is a multiple of 10,240 bytes.
///
/// Reads ahead as far as its budget goes, all reads on the engine, into their place in the block;
/// files are opened and closed on the CPU pool, dozens at a time. `budget` bounds what it holds and
/// what was taken from it and not yet dropped: at least 1 block, 4 and more to keep a disk busy.
class partition_packer final : public io::source {
public:
  partition_packer(io::runtime& rt, io::block_budget budget, pack_plan plan);
  ~partition_packer() override;

  task<io::block> next() override;
  task<> close() override;

  const pack_summary& summary() const noexcept;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace wale::archive
