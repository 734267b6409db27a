// One list node per piece of work; the worker posts it back, the loop takes it out and resumes.
#include "offload.hpp"

#include "cancellation.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

using offload_handler = asio::any_completion_handler<void(std::exception_ptr)>;

class offload_pool::work final : public worker_pool::job {
public:
  work(offload_pool& pool, call& body, chain* order, call* rest, offload_handler&& done)
      : pool_(pool), body_(&body), order_(order), rest_(rest), done_(std::move(done)),
        guard_(asio::make_work_guard(pool.loop_)) {}

  void run() noexcept override {
    try {
      (*body_)();
    } catch (...) {
      error_ = std::current_exception();
    }
    if (order_) std::exchange(order_, nullptr)->leave();
    if (rest_ && !error_) {
      body_ = std::exchange(rest_, nullptr);
      return pool_.workers_.submit(*this);
    }
    asio::post(pool_.loop_, [this] { finish(); });
  }

  std::list<work>::iterator place_;

private:
  void finish() {
    auto done = std::move(done_);
    auto error = std::move(error_);
    pool_.under_way_.erase(place_);
    std::move(done)(std::move(error));
  }

  offload_pool& pool_;
  call* body_;
  chain* order_;
  call* rest_;
  offload_handler done_;
  std::exception_ptr error_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
};

offload_pool::offload_pool(asio::io_context& loop, unsigned threads) noexcept
    : loop_(loop), workers_(threads) {}

offload_pool::~offload_pool() {
  stop();
}

void offload_pool::stop() noexcept {
  workers_.stop();
  under_way_.clear();
}

task<> offload_pool::suspend(call& body, chain* order, call* rest) {
  auto initiate = [this, &body, order, rest](auto handler) {
    work& w =
        under_way_.emplace_back(*this, body, order, rest, offload_handler(std::move(handler)));
    w.place_ = std::prev(under_way_.end());
    if (order)
      order->enter([this, &w] { workers_.submit_first(w); });
    else
      workers_.submit(w);
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      initiate, asio::use_awaitable);
}

task<> offload_pool::run(call& body) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  co_await suspend(body, nullptr, nullptr);
}

task<> offload_pool::run_in_order(chain& order, call& link, call* rest) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  co_await suspend(link, &order, rest);
}

} // namespace wale::io
