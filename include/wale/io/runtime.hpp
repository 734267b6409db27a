#pragma once
// The loop, the engine, the block pool, the CPU pool and the signals of one process.

#include <wale/io/block.hpp>
#include <wale/io/chain.hpp>
#include <wale/io/engine.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace wale::io {

enum class engine_choice { automatic, ring, threads };

/// From WALE_IO: unset or empty gives automatic; throws kind::configuration for another word.
engine_choice engine_choice_from_environment();

struct runtime_options {
  engine_choice engine = engine_choice::automatic;
  std::size_t blocks = 96;
  unsigned workers = 0; ///< threads of the CPU pool; 0 = as many as the process may use
  /// SIGINT and SIGTERM end run(); tests of cancellation set false.
  bool handle_signals = true;
  /// Called on the second after a signal if the unwinding has not ended; must not return.
  std::function<void(int signal)> on_stuck = {};
};

/// One per process, made on the thread that runs it, which is the I/O thread.
class runtime {
public:
  explicit runtime(runtime_options options = {});
  ~runtime();
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// Runs `main` and the loop until it has ended; rethrows its failure. A signal cancels it, and
  /// run() then throws kind::interrupted naming the signal, however main ended, unless it
  /// succeeded.
  void run(task<> main);

  boost::asio::io_context& context() noexcept;
  io::engine& engine() noexcept;
  block_pool& blocks() noexcept;
  unsigned workers() const noexcept;

  /// Runs `f()` on the CPU pool and gives its result back on the I/O thread. Not cancellable: what
  /// was begun is awaited. What `f` refers to must outlive the await; name the lambda first.
  template <class F> task<std::invoke_result_t<F&>> offload(F f) {
    using result = std::invoke_result_t<F&>;
    if constexpr (std::is_void_v<result>) {
      std::function<void()> job = [&f] { f(); };
      co_await run_on_pool(job);
    } else {
      std::optional<result> value;
      std::function<void()> job = [&f, &value] { value.emplace(f()); };
      co_await run_on_pool(job);
      co_return std::move(*value);
    }
  }

  /// offload() of a job that gives nothing back, in the order of the calls that name `order`, each
  /// right after the one before, without the loop in between.
  template <class F> task<> offload_in_order(chain& order, F link) {
    std::function<void()> job = [&link] { link(); };
    co_await run_in_order(order, job, nullptr);
  }
  /// The same, and then offload() of `rest`, which gives nothing back either and is left out if
  /// `link` throws. Links go before all other jobs that wait.
  template <class F, class G> task<> offload_in_order(chain& order, F link, G rest) {
    std::function<void()> job = [&link] { link(); };
    std::function<void()> more = [&rest] { rest(); };
    co_await run_in_order(order, job, &more);
  }

  /// Throws kind::interrupted when cancelled.
  task<> sleep(std::chrono::nanoseconds duration);
  /// Waits until a descriptor owned by somebody else (libpq) has one of the poll(2) `events`;
  /// returns those it has.
  task<int> ready(int fd, int events);
  /// One engine operation: awaits its completion, returns the result or -errno. `op` is copied,
  /// what it points to must outlive the await. When cancelled it waits for the kernel to let go and
  /// returns -ECANCELED.
  task<int> perform(operation op);

private:
  task<> run_on_pool(std::function<void()>& job);
  task<> run_in_order(chain& order, std::function<void()>& link, std::function<void()>* rest);

  struct state;
  std::unique_ptr<state> state_;
};

} // namespace wale::io
