#pragma once
// Work of a coroutine that runs on the CPU pool, and its way back to the I/O thread.

#include "worker_pool.hpp"

#include <wale/io/task.hpp>

#include <boost/asio/io_context.hpp>

#include <functional>
#include <list>
#include <memory>

namespace wale::io {

class offload_pool {
public:
  offload_pool(boost::asio::io_context& loop, unsigned threads) noexcept;
  ~offload_pool();

  using call = std::function<void()>;

  /// Runs `body` on a worker; rethrows what it threw. `body` outlives the await.
  task<> run(call& body);
  /// Runs `body` on the one thread that takes such jobs in the order of the calls.
  task<> run_in_order(call& body);
  /// run_in_order() of `first`, then, unless it threw, run() of `second`.
  task<> run_in_order(call& first, call& second);
  /// Waits for the workers; the coroutines that wait for them are destroyed.
  void stop() noexcept;
  unsigned threads() const noexcept { return workers_.limit(); }

private:
  class work;
  task<> suspend(worker_pool& where, call& body, call* second);

  boost::asio::io_context& loop_;
  worker_pool workers_;
  worker_pool chain_{1};
  std::list<work> under_way_;
};

} // namespace wale::io
