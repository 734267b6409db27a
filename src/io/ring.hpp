#pragma once
// The io_uring engine with its sizes open, for tests that want to overrun them.

#include <wale/io/engine.hpp>

namespace wale::io {

/// Completions need more room than submissions: a silent peer holds a slot for each read, and the
/// write that would make it answer must not wait for one.
struct ring_sizes {
  unsigned submissions = 256;
  unsigned completions = 4096;
  /// Operations the kernel holds at once; more wait in a queue of ours.
  unsigned in_flight = 4096;
};

std::unique_ptr<engine>
make_ring_engine(boost::asio::io_context& loop, std::string& why, const ring_sizes& sizes);

} // namespace wale::io
