#pragma once
// lzop as stages of a pipeline: sources over a source. Blocks are compressed and decompressed on
// the whole CPU pool at once and come out in order.
//
// Both own the source before them and close it with themselves. next() throws what that source
// throws. Cancelling next() leaves jobs of the pool running until close() has awaited them.

#include <wale/archive/lzop.hpp>
#include <wale/base/digest.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <cstdint>
#include <memory>

namespace wale::archive {

/// Whether to compute the SHA-256 of the plain bytes on the way, on the CPU pool.
enum class plain_digest : bool { no, yes };

/// Compresses in place: it takes no memory of its own, what it yields are the blocks of `plain`.
/// Small results are packed together; two neighbours that would fit into one block are not yielded,
/// so n bytes occupy at most 2n / 256 KiB + 2 blocks.
///
/// - A block of `plain` holds at most 256 KiB and has 64 bytes of headroom left; its last 4 bytes
/// of
///   slack are ours. Each becomes one block of lzop's, so full ones compress best.
/// - It makes progress as long as `plain` can get one block more than what the consumer keeps, plus
///   one; for all cores to be busy it needs 2 * workers() + 2.
/// - `spare` is one block, used only if `plain` is empty.
class lzop_compressor : public io::source {
public:
  lzop_compressor(
      io::runtime& rt,
      std::unique_ptr<io::source> plain,
      io::block_budget spare,
      lzop_stamp stamp,
      plain_digest digest = plain_digest::no);
  ~lzop_compressor() override;

  /// Begins before the first next(), while whoever will call that is still busy. Then it has to be
  /// closed.
  void start();
  task<io::block> next() override;
  task<> close() override;

  /// So far; final once next() has returned an empty handle.
  std::uint64_t plain_bytes() const noexcept;
  std::uint64_t compressed_bytes() const noexcept;
  /// After the end only, once, and only if it was asked for.
  sha256_value digest();

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Yields plain blocks of at most 256 KiB, one for each block of lzop's. Any wrong byte, a missing
/// end block, and anything after the end throw kind::corrupt; what was yielded until then has
/// matched its checksums.
///
/// - `outputs` holds the plain blocks: it needs one more than what the consumer keeps; for all
/// cores
///   to be busy workers() + 2.
/// - `compressed` needs two blocks of its own, and they must not be shared with `outputs`: split().
class lzop_decompressor : public io::source {
public:
  lzop_decompressor(
      io::runtime& rt,
      std::unique_ptr<io::source> compressed,
      io::block_budget outputs,
      plain_digest digest = plain_digest::no);
  ~lzop_decompressor() override;

  task<io::block> next() override;
  task<> close() override;

  /// So far; final once next() has returned an empty handle.
  std::uint64_t plain_bytes() const noexcept;
  std::uint64_t compressed_bytes() const noexcept;
  /// After the end only, once, and only if it was asked for.
  sha256_value digest();

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace wale::archive
