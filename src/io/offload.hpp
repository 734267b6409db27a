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

  /// Runs `body` on a worker; rethrows what it threw. `body` outlives the await.
  task<> run(std::function<void()>& body);
  /// Waits for the workers; the coroutines that wait for them are destroyed.
  void stop() noexcept;
  unsigned threads() const noexcept { return workers_.limit(); }

private:
  class work;
  task<> suspend(std::function<void()>& body);

  boost::asio::io_context& loop_;
  worker_pool workers_;
  std::list<work> under_way_;
};

} // namespace wale::io
