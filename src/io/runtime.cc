// The parts of one process, put together and taken apart in an order that leaves the kernel without
// our memory before that goes.
#include "cancellation.hpp"
#include "offload.hpp"
#include "pending.hpp"
#include "signals.hpp"

#include <wale/base/log.hpp>
#include <wale/io/failpoint.hpp>
#include <wale/io/runtime.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sched.h>
#include <string_view>

namespace wale::io {

namespace asio = boost::asio;

namespace {

unsigned usable_processors() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const int n = CPU_COUNT(&set);
  return n > 0 ? static_cast<unsigned>(n) : 1;
}

std::unique_ptr<engine> choose_engine(asio::io_context& loop, engine_choice choice) {
  if (choice == engine_choice::threads) return make_threads_engine(loop);
  std::string why;
  auto ring = make_ring_engine(loop, why);
  if (ring) return ring;
  if (choice == engine_choice::ring) {
    throw failure(
        kind::unavailable,
        "io_uring cannot be used here",
        why,
        "Unset WALE_IO to let wal-e do without.");
  }
  log::debug("wal_e.io", {"using threads for file I/O and epoll for sockets", why});
  return make_threads_engine(loop);
}

bool touches_a_file(op_kind k) noexcept {
  switch (k) {
  case op_kind::open:
  case op_kind::read:
  case op_kind::write:
  case op_kind::writev:
  case op_kind::fsync:
    return true;
  default:
    return false;
  }
}

task<> run_main(task<> main) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(main);
}

// What run() throws after a signal; what `main` died of, if it was something else, is told too.
failure interruption(int signal, const std::exception_ptr& cause) {
  std::string msg = "interrupted by ";
  msg += signal == SIGTERM ? "SIGTERM" : "SIGINT";
  try {
    std::rethrow_exception(cause);
  } catch (const failure& f) {
    if (f.why() == kind::interrupted) return failure(kind::interrupted, msg);
    return failure(kind::interrupted, msg, f.text().msg + "\n" + f.text().detail);
  } catch (const std::exception& e) {
    return failure(kind::interrupted, msg, e.what());
  }
}

} // namespace

engine_choice engine_choice_from_environment() {
  const char* const text = std::getenv("WALE_IO");
  std::string_view word = text ? text : "";
  while (word.ends_with('\n') || word.ends_with('\r')) // as of all settings
    word.remove_suffix(1);
  if (word.empty()) return engine_choice::automatic;
  if (word == "ring") return engine_choice::ring;
  if (word == "threads") return engine_choice::threads;
  throw failure(
      kind::configuration,
      "WALE_IO has an unknown value",
      "It is \"" + std::string(word) + "\".",
      "Use \"ring\" or \"threads\", or unset it.");
}

struct runtime::state {
  explicit state(const runtime_options& options)
      : context(1), carrier(choose_engine(context, options.engine)), blocks(options.blocks),
        cpu(context, options.workers ? options.workers : usable_processors()) {
    if (!options.handle_signals) return;
    auto on_signal = [this] { asio::post(context, [this] { cancel_main(); }); };
    signals = std::make_unique<signal_watch>(on_signal, options.on_stuck);
  }

  ~state() {
    carrier->shutdown();
    cpu.stop();
    pending.abandon();
    carrier.reset();
    signals.reset();
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  // What cannot be interrupted (a file on a dead NFS server) is named before the watch ends the
  // process.
  void cancel_main() {
    main_cancellation.emit(asio::cancellation_type::terminal);
    last_words.expires_after(signal_watch::patience - std::chrono::milliseconds(100));
    last_words.async_wait([this](const boost::system::error_code& error) {
      if (!error) name_what_is_left();
    });
  }

  void name_what_is_left() const {
    std::string detail;
    for (const std::string& text : pending.describe())
      detail += (detail.empty() ? "" : "\n") + text;
    if (detail.empty()) return;
    log::warning("wal_e.io", {"still waiting for what cannot be interrupted", detail});
  }

  task<int> suspend_for(const operation& op) {
    auto initiate = [this, &op](auto handler) {
      pending.start(*carrier, op, completion(std::move(handler)));
    };
    return asio::async_initiate<const asio::use_awaitable_t<>, void(int)>(
        initiate, asio::use_awaitable);
  }

  asio::io_context context;
  asio::cancellation_signal main_cancellation;
  asio::steady_timer last_words{context};
  std::unique_ptr<io::engine> carrier;
  pending_set pending;
  block_pool blocks;
  offload_pool cpu;
  std::unique_ptr<signal_watch> signals;
};

runtime::runtime(runtime_options options) : state_(std::make_unique<state>(options)) {}
runtime::~runtime() = default;

void runtime::run(task<> main) {
  std::exception_ptr error;
  bool ended = false;
  auto note_end = [this, &error, &ended](std::exception_ptr e) {
    error = std::move(e);
    ended = true;
    state_->context.stop();
  };
  asio::co_spawn(
      state_->context,
      run_main(std::move(main)),
      asio::bind_cancellation_slot(state_->main_cancellation.slot(), note_end));
  state_->context.restart();
  state_->context.run();
  if (!ended) throw failure(kind::bug, "the main coroutine waits for something that cannot happen");
  if (!error) return;
  const int signal = state_->signals ? state_->signals->received() : 0;
  if (signal) throw interruption(signal, error);
  std::rethrow_exception(error);
}

asio::io_context& runtime::context() noexcept {
  return state_->context;
}
engine& runtime::engine() noexcept {
  return *state_->carrier;
}
block_pool& runtime::blocks() noexcept {
  return state_->blocks;
}
unsigned runtime::workers() const noexcept {
  return state_->cpu.threads();
}

task<> runtime::run_on_pool(std::function<void()>& job) {
  return state_->cpu.run(job);
}

task<>
runtime::run_in_order(chain& order, std::function<void()>& link, std::function<void()>* rest) {
  return state_->cpu.run_in_order(order, link, rest);
}

task<> runtime::sleep(std::chrono::nanoseconds duration) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) throw_cancelled();
  asio::steady_timer timer(state_->context, duration);
  boost::system::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  if (take_cancellation(cancellation)) throw_cancelled();
}

task<int> runtime::ready(int fd, int events) {
  operation op;
  op.kind = op_kind::poll;
  op.fd = fd;
  op.flags = events;
  const int result = co_await perform(op);
  if (result < 0) throw failure::system(-result, "poll", "waiting for a connection failed");
  co_return result;
}

task<int> runtime::perform(operation op) {
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (take_cancellation(cancellation)) co_return -ECANCELED;
  if (touches_a_file(op.kind)) {
    if (const int error = failpoint()) co_return -error;
  }
  const int result = co_await state_->suspend_for(op);
  if (result == -ECANCELED) cancellation.clear();
  co_return result;
}

} // namespace wale::io
