#pragma once
// Socket operations without a ring: try, wait for readiness, try again.

#include "op_list.hpp"

#include <wale/io/engine.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <unordered_map>
#include <vector>

namespace wale::io {

/// Owns an epoll instance that the loop watches while anything waits. One descriptor may have any
/// number of operations waiting.
class reactor {
public:
  /// `finish` is told of each operation that ended while it waited.
  reactor(
      boost::asio::io_context& loop, std::function<void(operation&, int result)> finish) noexcept;

  /// Tries at once. True if the operation has ended with `result`; otherwise it waits.
  bool start(operation& op, int& result) noexcept;
  /// The operation waits; it does no more.
  void remove(operation& op) noexcept;
  void shutdown() noexcept;

private:
  using waiting = std::vector<operation*>;

  bool open() noexcept;
  int watch(int fd, const waiting& ops) noexcept;
  void arm() noexcept;
  void disarm() noexcept;
  void dispatch() noexcept;
  void retry(int fd, unsigned events) noexcept;

  std::function<void(operation&, int)> finish_;
  boost::asio::posix::stream_descriptor epoll_;
  bool armed_ = false;
  std::unordered_map<int, waiting> waiting_;
};

} // namespace wale::io
