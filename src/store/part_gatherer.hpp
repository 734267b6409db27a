#pragma once
// Turns a body whose blocks are partly filled, as a compressor's are, into full blocks, which are
// what parts of one size are made of.

#include <wale/http/message.hpp>
#include <wale/io/block.hpp>
#include <wale/io/stream.hpp>

#include <cstdint>
#include <vector>

namespace wale::store {

/// Bytes in a row; all blocks but the last are full.
using block_run = std::vector<io::block>;

http::body_pieces pieces_of(const block_run& blocks);

/// Cancelling any of its calls leaves it fit for destruction only.
class part_gatherer {
public:
  /// `body` outlives it. Blocks come from `staging` as they become free.
  part_gatherer(io::source& body, io::block_budget staging);

  /// Copies from the body until `to` has `most` full blocks or the body ends.
  task<> fill(block_run& to, std::size_t most);
  /// Whether fill() has handed out the whole body; looks one block ahead.
  task<bool> at_end();
  /// From now on blocks come from `staging`. Moves `held` there and lets the old ones go.
  task<> change_staging(io::block_budget staging, block_run& held);
  /// Lets go of the staging that is not in use.
  void give_back();

  /// Handed out so far.
  std::uint64_t bytes() const noexcept { return bytes_; }

private:
  io::source& body_;
  io::block_budget staging_;
  io::block ahead_; ///< of the body
  bool ended_ = false;
  std::uint64_t bytes_ = 0;
};

} // namespace wale::store
