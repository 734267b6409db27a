#pragma once
// Work of a coroutine that runs on the CPU pool, and its way back to the I/O thread.

#include "worker_pool.hpp"

#include <wale/io/chain.hpp>
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
  /// Runs `link` on a worker, before what else waits, when all who named `order` before have done
  /// so; then, unless it threw, runs `rest`.
  task<> run_in_order(chain& order, call& link, call* rest = nullptr);
  /// Waits for the workers; the coroutines that wait for them are destroyed.
  void stop() noexcept;
  unsigned threads() const noexcept { return workers_.limit(); }

private:
  class work;
  task<> suspend(call& body, chain* order, call* rest);

  boost::asio::io_context& loop_;
  worker_pool workers_;
  std::list<work> under_way_;
};

} // namespace wale::io
