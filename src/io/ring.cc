// The io_uring engine: one ring, one thread, no setup flags but the completion queue's size.
//
// start() and cancel() only queue. Once per turn of the loop everything queued goes to the kernel
// in one system call and what has completed meanwhile is delivered; most operations never need a
// wake-up. For those that do, the ring signals a plain eventfd that the loop waits for, armed only
// while the kernel holds operations, so that an idle ring keeps no loop alive.
//
// A completion carries slot and generation of its operation; a cancellation's carries a tag as
// well.
#include "ring.hpp"

#include "blocking_call.hpp"
#include "op_list.hpp"
#include "submission.hpp"
#include "transfer.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <cerrno>
#include <cstring>
#include <deque>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::io {

namespace asio = boost::asio;

namespace {

/// Where an operation is when the kernel does not have it; otherwise `slot` is an index.
constexpr std::uint32_t queued = 0xffffffff;
constexpr std::uint32_t finished = 0xfffffffe;
constexpr std::uint64_t cancel_tag = std::uint64_t{1} << 63;
/// Rounds of submit and deliver before the loop's other handlers get their turn.
constexpr int rounds = 16;
/// Bytes to the kernel in one turn. It copies at once what the page cache has; megabytes of that
/// would keep from the pool's threads what was read before.
constexpr std::size_t turn_limit = 512 * 1024;
/// From here on a send's copying is left to a worker of the kernel; that costs some 5 us.
constexpr std::size_t large_send = 64 * 1024;

class ring_engine final : public engine {
public:
  ring_engine(asio::io_context& loop, const ring_sizes& sizes)
      : loop_(loop), limit_(sizes.in_flight), wake_(loop) {}
  ~ring_engine() override { shutdown(); }
  ring_engine(const ring_engine&) = delete;
  ring_engine& operator=(const ring_engine&) = delete;

  bool open(const ring_sizes& sizes, std::string& why);

  void start(operation& op) noexcept override;
  void cancel(operation& op) noexcept override;
  void shutdown() noexcept override;
  std::string_view name() const noexcept override { return "ring"; }

private:
  struct slot {
    operation* op = nullptr;
    std::uint32_t generation = 0;
    msghdr message = {}; ///< of a sendv; the kernel may read it until the completion
  };

  std::uint64_t mark(std::uint32_t index) const noexcept {
    return std::uint64_t{slots_[index].generation} << 32 | index;
  }
  bool holds(std::uint64_t user_data) const noexcept;

  void want_turn() noexcept;
  void turn() noexcept;
  bool may_hand_over() const noexcept;
  bool wants_worker(const operation& op) const noexcept;
  void hand_over() noexcept;
  void hand_over_cancellations() noexcept;
  bool submit() noexcept;
  io_uring_sqe* next_sqe() noexcept;
  void fill(operation& op, io_uring_sqe& sqe) noexcept;
  bool deliver() noexcept;
  void settle(std::uint64_t user_data, int result) noexcept;
  void settle_cancellation(std::uint64_t user_data, int result) noexcept;
  operation* release(std::uint32_t index) noexcept;
  void finish(operation& op, int result) noexcept;
  void arm() noexcept;
  void disarm() noexcept;
  void drain() noexcept;

  asio::io_context& loop_;
  const std::uint32_t limit_;
  io_uring ring_ = {};
  bool is_open_ = false;
  bool turn_wanted_ = false;
  bool in_turn_ = false;
  bool armed_ = false;
  bool workers_are_refused_ = false;
  asio::posix::stream_descriptor wake_;
  std::deque<slot> slots_; ///< a deque, because `message` must not move
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t in_flight_ = 0;
  std::size_t handed_over_ = 0; ///< bytes in this turn
  op_list queue_;
  op_list finished_; ///< the result is kept in `flags`
  std::vector<std::uint64_t> cancellations_;
};

std::string explain(const char* call, int error) {
  return std::string(call) + ": " + std::strerror(error);
}

bool is_send(op_kind k) noexcept {
  return k == op_kind::send || k == op_kind::sendv;
}

std::size_t bytes_of(const operation& op) noexcept {
  std::size_t sum = op.length;
  for (unsigned i = 0; i < op.vector_count; ++i)
    sum += op.vectors[i].iov_len;
  return sum;
}

bool has_all_operations(io_uring& ring, std::string& why) {
  static constexpr int used[] = {
      IORING_OP_NOP,
      IORING_OP_OPENAT,
      IORING_OP_READ,
      IORING_OP_WRITE,
      IORING_OP_WRITEV,
      IORING_OP_FSYNC,
      IORING_OP_FALLOCATE,
      IORING_OP_CONNECT,
      IORING_OP_RECV,
      IORING_OP_SEND,
      IORING_OP_SENDMSG,
      IORING_OP_POLL_ADD,
      IORING_OP_ASYNC_CANCEL};
  io_uring_probe* const probe = io_uring_get_probe_ring(&ring);
  if (!probe) {
    why = "the kernel's io_uring cannot be probed (before 5.6)";
    return false;
  }
  bool all = true;
  for (const int op : used) {
    if (io_uring_opcode_supported(probe, op)) continue;
    why = "the kernel's io_uring lacks operation " + std::to_string(op);
    all = false;
  }
  io_uring_free_probe(probe);
  return all;
}

// The kernel would wait for ever for a worker that a limit of 0 forbids; above it, it says so.
bool forbids_processes() noexcept {
  rlimit processes = {};
  return ::getrlimit(RLIMIT_NPROC, &processes) == 0 && processes.rlim_cur == 0;
}

bool ring_engine::open(const ring_sizes& sizes, std::string& why) {
  io_uring_params params = {};
  params.flags = IORING_SETUP_CQSIZE;
  params.cq_entries = sizes.completions;
  if (const int e = io_uring_queue_init_params(sizes.submissions, &ring_, &params); e < 0) {
    why = explain("io_uring_setup", -e);
    return false;
  }
  is_open_ = true;
  workers_are_refused_ = forbids_processes();
  if (!has_all_operations(ring_, why)) return false;
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    why = explain("eventfd", errno);
    return false;
  }
  wake_.assign(fd);
  if (const int e = io_uring_register_eventfd(&ring_, fd); e < 0) {
    why = explain("io_uring_register", -e);
    return false;
  }
  return true;
}

bool ring_engine::holds(std::uint64_t user_data) const noexcept {
  const auto index = static_cast<std::uint32_t>(user_data);
  return index < slots_.size() && slots_[index].op && mark(index) == user_data;
}

void ring_engine::start(operation& op) noexcept {
  begin(op);
  op.slot = queued;
  queue_.push_back(op);
  want_turn();
}

void ring_engine::cancel(operation& op) noexcept {
  if (op.cancelled || op.slot == finished) return;
  op.cancelled = true;
  if (op.slot == queued) {
    queue_.remove(op);
    int result = -ECANCELED;
    advance(op, result); // a send may have got a part away
    finish(op, result);
  } else {
    cancellations_.push_back(mark(op.slot));
  }
  want_turn();
}

void ring_engine::want_turn() noexcept {
  if (in_turn_ || std::exchange(turn_wanted_, true)) return;
  asio::post(loop_, [this] {
    turn_wanted_ = false;
    turn();
  });
}

void ring_engine::turn() noexcept {
  if (!is_open_) return;
  in_turn_ = true;
  handed_over_ = 0;
  for (int round = 0; round < rounds; ++round) {
    hand_over();
    if (!deliver() || handed_over_ >= turn_limit) break;
  }
  in_turn_ = false;
  const bool has_room = in_flight_ < limit_;
  if ((!queue_.empty() && has_room) || !cancellations_.empty() || io_uring_sq_ready(&ring_) ||
      !finished_.empty()) {
    want_turn();
  }
  if (in_flight_) {
    arm();
  } else {
    disarm();
  }
}

bool ring_engine::may_hand_over() const noexcept {
  return !queue_.empty() && in_flight_ < limit_ && handed_over_ < turn_limit;
}

bool ring_engine::wants_worker(const operation& op) const noexcept {
  return is_send(op.kind) && !workers_are_refused_ && bytes_of(op) >= large_send;
}

// Operations first, so that a cancellation always follows what it cancels.
void ring_engine::hand_over() noexcept {
  while (may_hand_over()) {
    io_uring_sqe* const sqe = next_sqe();
    if (!sqe) return;
    operation& op = *queue_.pop_front();
    if (!wants_worker(op)) handed_over_ += bytes_of(op);
    fill(op, *sqe);
  }
  hand_over_cancellations();
  submit();
}

void ring_engine::hand_over_cancellations() noexcept {
  while (!cancellations_.empty()) {
    const std::uint64_t user_data = cancellations_.back();
    if (holds(user_data)) {
      io_uring_sqe* const sqe = next_sqe();
      if (!sqe) return;
      io_uring_prep_cancel64(sqe, user_data, 0);
      io_uring_sqe_set_data64(sqe, user_data | cancel_tag);
    }
    cancellations_.pop_back();
  }
}

// False if the kernel takes nothing now: no memory, or completions must be fetched first.
bool ring_engine::submit() noexcept {
  while (io_uring_sq_ready(&ring_)) {
    const int n = io_uring_submit(&ring_);
    if (n == -EINTR) continue;
    if (n <= 0) return false;
  }
  return true;
}

io_uring_sqe* ring_engine::next_sqe() noexcept {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (!sqe && submit()) sqe = io_uring_get_sqe(&ring_);
  return sqe;
}

void ring_engine::fill(operation& op, io_uring_sqe& sqe) noexcept {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  op.slot = free_slots_.back();
  free_slots_.pop_back();
  slot& s = slots_[op.slot];
  s.op = &op;
  prepare(sqe, op, s.message);
  if (wants_worker(op)) sqe.flags |= IOSQE_ASYNC;
  io_uring_sqe_set_data64(&sqe, mark(op.slot));
  ++in_flight_;
}

// True if anything was delivered.
bool ring_engine::deliver() noexcept {
  bool any = false;
  op_list done = std::exchange(finished_, {});
  while (operation* const op = done.pop_front()) {
    any = true;
    op->complete(op, op->flags);
  }
  io_uring_cqe* cqe = nullptr;
  for (unsigned n = 0; n < limit_ && io_uring_peek_cqe(&ring_, &cqe) == 0; ++n) {
    const std::uint64_t user_data = cqe->user_data;
    const int result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    any = true;
    if (user_data & cancel_tag)
      settle_cancellation(user_data & ~cancel_tag, result);
    else if (holds(user_data))
      settle(user_data, result);
  }
  return any;
}

void ring_engine::settle(std::uint64_t user_data, int result) noexcept {
  operation& op = *release(static_cast<std::uint32_t>(user_data));
  // The kernel drops what needs a worker of its own where a limit of processes forbids it one.
  const bool is_dropped = result == -ECANCELED && !op.cancelled;
  if (is_dropped && is_file_operation(op.kind)) result = blocking_call(op); // slower, but it works
  const bool is_refused = is_dropped && is_send(op.kind);
  if (is_refused) workers_are_refused_ = true;
  if (!is_refused && advance(op, result)) {
    op.slot = finished;
    op.complete(&op, result);
  } else {
    op.slot = queued;
    queue_.push_back(op);
  }
}

// A worker that had just found the socket's buffer full did not notice (EALREADY), or was on its
// way from one list of the kernel's to the next (ENOENT), and waits for room now.
void ring_engine::settle_cancellation(std::uint64_t user_data, int result) noexcept {
  if (result >= 0 || !holds(user_data)) return;
  const slot& s = slots_[static_cast<std::uint32_t>(user_data)];
  if (is_send(s.op->kind)) cancellations_.push_back(user_data);
}

operation* ring_engine::release(std::uint32_t index) noexcept {
  slot& s = slots_[index];
  s.generation = (s.generation + 1) & 0x7fffffff;
  free_slots_.push_back(index);
  --in_flight_;
  return std::exchange(s.op, nullptr);
}

void ring_engine::finish(operation& op, int result) noexcept {
  op.slot = finished;
  op.flags = result;
  finished_.push_back(op);
}

void ring_engine::arm() noexcept {
  if (std::exchange(armed_, true)) return;
  wake_.async_wait(
      asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error) return;
        armed_ = false;
        std::uint64_t count = 0;
        (void)!::read(wake_.native_handle(), &count, sizeof count);
        turn();
      });
}

void ring_engine::disarm() noexcept {
  if (!std::exchange(armed_, false)) return;
  boost::system::error_code ignored;
  wake_.cancel(ignored);
}

void ring_engine::shutdown() noexcept {
  if (!std::exchange(is_open_, false)) return;
  disarm();
  queue_.clear();
  finished_.clear();
  drain();
  io_uring_queue_exit(&ring_);
}

// io_uring_queue_exit does not wait: a read under way would still write into its buffer afterwards.
void ring_engine::drain() noexcept {
  cancellations_.clear();
  for (std::uint32_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].op) cancellations_.push_back(mark(i));
  while (in_flight_) {
    hand_over_cancellations();
    io_uring_submit_and_wait(&ring_, cancellations_.empty() ? 1 : 0);
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
      const std::uint64_t user_data = cqe->user_data;
      const int result = cqe->res;
      io_uring_cqe_seen(&ring_, cqe);
      if (user_data & cancel_tag) {
        settle_cancellation(user_data & ~cancel_tag, result);
      } else if (holds(user_data)) {
        const operation* const op = release(static_cast<std::uint32_t>(user_data));
        if (op->kind == op_kind::open && result >= 0) ::close(result);
      }
    }
  }
}

} // namespace

std::unique_ptr<engine>
make_ring_engine(asio::io_context& loop, std::string& why, const ring_sizes& sizes) {
  auto engine = std::make_unique<ring_engine>(loop, sizes);
  if (!engine->open(sizes, why)) return nullptr;
  return engine;
}

std::unique_ptr<engine> make_ring_engine(asio::io_context& loop, std::string& why) {
  return make_ring_engine(loop, why, ring_sizes());
}

} // namespace wale::io
