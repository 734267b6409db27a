// The engine for kernels and containers without io_uring: files on a pool of blocking calls,
// sockets on epoll.
#include "blocking_call.hpp"
#include "op_list.hpp"
#include "reactor.hpp"
#include "transfer.hpp"
#include "worker_pool.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cerrno>
#include <list>
#include <unistd.h>
#include <utility>

namespace wale::io {

namespace asio = boost::asio;

namespace {

/// Threads for blocking file calls: enough to keep a disk's queue filled.
constexpr unsigned file_threads = 8;

// Where an operation is, in `slot`.
enum place : std::uint32_t { in_pool, in_reactor, in_finished };

class threads_engine final : public engine {
public:
  explicit threads_engine(asio::io_context& loop)
      : loop_(loop), workers_(file_threads),
        sockets_(loop, [this](operation& op, int result) { finish(op, result); }) {}
  ~threads_engine() override { shutdown(); }
  threads_engine(const threads_engine&) = delete;
  threads_engine& operator=(const threads_engine&) = delete;

  void start(operation& op) noexcept override;
  void cancel(operation& op) noexcept override;
  void shutdown() noexcept override;
  std::string_view name() const noexcept override { return "threads"; }

private:
  class call;

  void finish(operation& op, int result) noexcept;
  void deliver() noexcept;

  asio::io_context& loop_;
  worker_pool workers_;
  reactor sockets_;
  std::list<call> calls_;
  op_list finished_; ///< the result is kept in `flags`
  bool delivery_posted_ = false;
  bool stopped_ = false;
};

class threads_engine::call final : public worker_pool::job {
public:
  call(threads_engine& owner, operation& op)
      : owner_(owner), op_(op), guard_(asio::make_work_guard(owner.loop_)) {}

  void run() noexcept override {
    result_ = blocking_call(op_);
    asio::post(owner_.loop_, [this] { end(); });
  }

  /// The list entry goes; the operation stays with the engine.
  operation& leave() noexcept {
    operation& op = op_;
    owner_.calls_.erase(place_);
    return op;
  }

  /// A descriptor that nobody will hear of.
  void close_orphan() const noexcept {
    if (op_.kind == op_kind::open && result_ >= 0) ::close(result_);
  }

  std::list<call>::iterator place_;

private:
  void end() noexcept {
    const int result = result_;
    operation& op = leave();
    op.slot = in_finished;
    op.complete(&op, result);
  }

  threads_engine& owner_;
  operation& op_;
  int result_ = -1;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
};

void threads_engine::start(operation& op) noexcept {
  begin(op);
  if (op.kind == op_kind::nop) {
    finish(op, 0);
  } else if (is_file_operation(op.kind)) {
    call& c = calls_.emplace_back(*this, op);
    c.place_ = std::prev(calls_.end());
    op.slot = in_pool;
    op.engine_state = &c;
    workers_.submit(c);
  } else {
    int result = 0;
    op.slot = in_reactor;
    if (sockets_.start(op, result)) finish(op, result);
  }
}

void threads_engine::cancel(operation& op) noexcept {
  if (op.cancelled || op.slot == in_finished) return;
  op.cancelled = true;
  if (op.slot == in_reactor) {
    sockets_.remove(op);
    int result = -ECANCELED;
    advance(op, result);
    finish(op, result);
    return;
  }
  call& c = *static_cast<call*>(op.engine_state);
  // A call that has begun cannot be interrupted; its result is as good as any.
  if (workers_.withdraw(c)) finish(c.leave(), -ECANCELED);
}

void threads_engine::finish(operation& op, int result) noexcept {
  op.slot = in_finished;
  op.flags = result;
  finished_.push_back(op);
  if (std::exchange(delivery_posted_, true)) return;
  asio::post(loop_, [this] {
    delivery_posted_ = false;
    deliver();
  });
}

void threads_engine::deliver() noexcept {
  op_list done = std::exchange(finished_, {});
  while (operation* const op = done.pop_front())
    op->complete(op, op->flags);
}

void threads_engine::shutdown() noexcept {
  if (std::exchange(stopped_, true)) return;
  sockets_.shutdown();
  workers_.stop();
  for (const call& c : calls_)
    c.close_orphan();
  calls_.clear();
  finished_.clear();
}

} // namespace

std::unique_ptr<engine> make_threads_engine(asio::io_context& loop) {
  return std::make_unique<threads_engine>(loop);
}

} // namespace wale::io
