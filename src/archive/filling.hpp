#pragma once
// A block that is being filled by reads still in flight.
//
// The reads are bare engine operations inside this record, not coroutines: a block of small files
// has dozens of them, and a coroutine frame for each would cost more than the read.

#include "opened_files.hpp"

#include <wale/io/block.hpp>
#include <wale/io/engine.hpp>
#include <wale/io/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace wale::archive {

/// Must not be destroyed or moved while reads are in flight.
class filling {
public:
  /// `ended` is notified when the last read of the moment has ended.
  filling(io::runtime& rt, io::block bytes, io::event& ended)
      : runtime_(rt), bytes_(std::move(bytes)), ended_(ended) {}
  filling(const filling&) = delete;
  filling& operator=(const filling&) = delete;

  bool has_room() noexcept { return room() > 0; }
  std::size_t room() noexcept { return bytes_.room().size(); }
  /// Copy, zero or read as much as there is room for; return how much that was. `path` names the
  /// file in failures and must outlive the block.
  std::size_t write(std::string_view text) noexcept;
  std::size_t write_zeros(std::size_t n) noexcept;
  std::size_t read(
      const std::shared_ptr<opened_file>& file,
      const std::string& path,
      std::uint64_t offset,
      std::uint64_t n);

  std::size_t reads_in_flight() const noexcept { return in_flight_; }
  void cancel_reads() noexcept;

  /// The full block, once no read is in flight: reads that were short are repeated, and where the
  /// file has ended the rest is NULs. Throws failure naming the file if one failed. Adds the files
  /// found short for the first time to `short_files`.
  task<io::block> finish(std::size_t& short_files);

private:
  struct piece : io::operation {
    filling* into = nullptr;
    std::shared_ptr<opened_file> file; ///< dropped as soon as all was read
    const std::string* source = nullptr;
    bool in_flight = false;
    int result = 0;
  };
  static void read_ended(io::operation* self, int result) noexcept;
  task<> complete(piece& p, std::size_t& short_files);

  io::runtime& runtime_;
  io::block bytes_;
  io::event& ended_;
  std::deque<piece> pieces_; ///< the engine points to them: addresses stay
  std::size_t in_flight_ = 0;
};

} // namespace wale::archive
