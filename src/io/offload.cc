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
  work(offload_pool& pool, call& body, call* second, offload_handler&& done)
      : pool_(pool), body_(&body), second_(second), done_(std::move(done)),
        guard_(asio::make_work_guard(pool.loop_)) {}

  void run() noexcept override {
    try {
      (*body_)();
    } catch (...) {
      error_ = std::current_exception();
    }
    if (!second_ || error_) return asio::post(pool_.loop_, [this] { finish(); });
    body_ = std::exchange(second_, nullptr);
    pool_.workers_.submit(*this);
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
  call* second_;
  offload_handler done_;
  std::exception_ptr error_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
};

offload_pool::offload_pool(asio::io_context& loop, unsigned threads) noexcept
    : loop_(loop), workers_(threads) {}

offload_pool::~offload_pool() {
  stop();
}

// In the order in which a job goes from one to the other.
void offload_pool::stop() noexcept {
  chain_.stop();
  workers_.stop();
  under_way_.clear();
}

task<> offload_pool::suspend(worker_pool& where, call& body, call* second) {
  auto initiate = [this, &where, &body, second](auto handler) {
    work& w = under_way_.emplace_back(*this, body, second, offload_handler(std::move(handler)));
    w.place_ = std::prev(under_way_.end());
    where.submit(w);
  };
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      initiate, asio::use_awaitable);
}

task<> offload_pool::run(call& body) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  co_await suspend(workers_, body, nullptr);
}

task<> offload_pool::run_in_order(call& body) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  co_await suspend(chain_, body, nullptr);
}

task<> offload_pool::run_in_order(call& first, call& second) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  co_await suspend(chain_, first, &second);
}

} // namespace wale::io
