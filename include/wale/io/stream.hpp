#pragma once
// The whole vocabulary of streaming: a source yields blocks until an empty handle. Stages are
// sources that own the source before them; nobody buffers a whole object.

#include <wale/io/block.hpp>
#include <wale/io/shield.hpp>
#include <wale/io/task.hpp>

#include <exception>
#include <memory>

namespace wale::io {

class source {
public:
  virtual ~source() = default;
  /// The next block with at least one valid byte, or an empty handle at the end, and again
  /// afterwards. Throws failure. One call at a time. After a throw or a cancellation the only
  /// allowed call is close().
  virtual task<block> next() = 0;
  /// Ends children and operations in flight (cancel, await, close). Must be awaited before
  /// destruction, on every path; may be called early and more than once; does not throw.
  virtual task<> close() = 0;
};

/// Runs `body(stream)`, closes `stream` on every path, whether cancelled or not, then returns or
/// rethrows.
template <class Body> task<> with_source(source& stream, Body body) {
  std::exception_ptr error;
  try {
    co_await body(stream);
  } catch (...) {
    error = std::current_exception();
  }
  co_await shield(stream.close());
  if (error) std::rethrow_exception(error);
}

} // namespace wale::io
