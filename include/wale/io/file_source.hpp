#pragma once
// Reads a file, or the beginning of one, as a stream of blocks, several reads ahead.

#include <wale/io/block.hpp>
#include <wale/io/file.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <cstdint>
#include <memory>

namespace wale::io {

/// A source of the first `length` bytes of `input`, in blocks of 256 KiB, the last one shorter.
/// Reads ahead as far as the budget has free blocks. A file that ends before `length` is a failure
/// of kind::corrupt. close() closes the file.
std::unique_ptr<source>
read_file(runtime& rt, file input, std::uint64_t length, block_budget budget);

} // namespace wale::io
