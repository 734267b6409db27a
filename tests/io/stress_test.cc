// Hundreds of thousands of mixed operations, a third of them cancelled at different moments, over
// an engine whose ring wraps many times: no completion may be wrong, lost, doubled or uninvited.
#include "fixture.hpp"
#include "ring.hpp"
#include "support/scratch_dir.hpp"

#include <wale/io/engine.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>

using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;
using wale::test::scratch_dir;

namespace {

constexpr std::size_t file_size = 4 << 20;

struct tally {
  long started = 0;
  long asked = 0;     ///< cancellations
  long cancelled = 0; ///< of them in time
  long late = 0;      ///< of these, after the operation had been handed over
  long wrong = 0;     ///< content, sequence or error
  long doubled = 0;
  long uninvited = 0; ///< -ECANCELED without a cancellation
};

class stress {
public:
  stress(boost::asio::io_context& loop, engine& e, long operations, int units, int file)
      : loop_(loop), engine_(e), left_(operations), file_(file) {
    constexpr std::array kinds{
        op_kind::send,
        op_kind::recv,
        op_kind::read,
        op_kind::nop,
        op_kind::recv_all,
        op_kind::recv_all,
        op_kind::recv_all};
    for (int i = 0; i < units; ++i) {
      std::array<int, 2> pair{};
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
      pairs_.push_back(pair);
      std::array<int, 2> mute{};
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mute.data()) == 0);
      pairs_.push_back(mute);
      for (const op_kind kind : kinds) {
        const bool is_mute = kind == op_kind::recv_all;
        units_.emplace_back(*this, kind, (is_mute ? mute : pair)[kind == op_kind::send ? 0 : 1]);
      }
    }
  }
  ~stress() {
    for (const auto& pair : pairs_) {
      ::close(pair[0]);
      ::close(pair[1]);
    }
  }

  void start() {
    for (unit& u : units_)
      u.start();
  }
  int in_flight() const { return in_flight_; }
  const tally& result() const { return tally_; }

private:
  struct unit : operation {
    // Some sends are larger than a socket's buffer, so that they wait, and are cancelled half-way.
    unit(stress& o, op_kind k, int descriptor)
        : owner(o), bytes(1 + o.random_() % (o.random_() % 8 ? 9'000 : 500'000)), timer(o.loop_),
          pause(o.loop_) {
      kind = k;
      descriptor_ = descriptor;
      complete = [](operation* self, int r) noexcept { static_cast<unit*>(self)->end(r); };
    }

    void start() {
      fd = kind == op_kind::read ? owner.file_ : descriptor_;
      data = bytes.data();
      length = 1 + owner.random_() % bytes.size();
      wanted = length;
      if (kind == op_kind::read) offset = at = owner.random_() % file_size;
      if (kind == op_kind::send) {
        for (std::size_t i = 0; i < length; ++i)
          bytes[i] = pattern(sequence + i);
      }
      active = true;
      asked = false;
      asked_late = false;
      ++number;
      ++owner.in_flight_;
      ++owner.tally_.started;
      --owner.left_;
      owner.engine_.start(*this);
      plan_cancellation();
    }

    // Nobody answers a mute read: it is always cancelled. Many of the others are faster than their
    // cancellation, therefore more of them are chosen than a third.
    void plan_cancellation() {
      const bool is_mute = kind == op_kind::recv_all;
      if (!is_mute && owner.random_() % 10 < 3) return;
      const auto cancel = [this, n = number] {
        if (active && number == n) ask_late();
      };
      switch (owner.random_() % 4) {
      case 0:
        return ask();
      case 1:
        if (!is_mute) return ask();
        [[fallthrough]];
      case 2:
        boost::asio::post(owner.loop_, cancel);
        return;
      default:
        timer.expires_after(200us);
        timer.async_wait([cancel](const boost::system::error_code& error) {
          if (!error) cancel();
        });
      }
    }

    void ask_late() {
      asked_late = !asked;
      ask();
    }

    void ask() {
      if (asked) return;
      asked = true;
      ++owner.tally_.asked;
      owner.engine_.cancel(*this);
    }

    void end(int result) {
      --owner.in_flight_;
      if (!std::exchange(active, false)) {
        ++owner.tally_.doubled;
        return;
      }
      timer.cancel();
      if (result == -ECANCELED) {
        if (asked) {
          ++owner.tally_.cancelled;
          owner.tally_.late += asked_late;
        } else {
          ++owner.tally_.uninvited;
        }
      } else if (!is_right(result)) {
        ++owner.tally_.wrong;
      }
      go_on();
    }

    // At once or after a while, so that readers find their writer ahead, and wait for it, in turn.
    // The last operations have no successors; a reader without a writer is then cancelled.
    void go_on() {
      if (owner.left_ <= 0) return owner.drain();
      if (owner.random_() % 2) return start();
      pause.expires_after(std::chrono::microseconds(owner.random_() % 500));
      pause.async_wait([this](const boost::system::error_code&) {
        if (owner.left_ > 0) start();
      });
    }

    bool is_right(int result) {
      const auto n = static_cast<std::size_t>(result);
      if (kind == op_kind::nop) return result == 0;
      if (kind == op_kind::recv_all || result <= 0 || n > wanted) return false;
      if (kind == op_kind::send) {
        sequence += n;
        return n == wanted || asked;
      }
      const std::uint64_t from = kind == op_kind::read ? at : sequence;
      if (kind == op_kind::recv) sequence += n;
      if (kind == op_kind::read && n != std::min<std::size_t>(wanted, file_size - at)) return false;
      for (std::size_t i = 0; i < n; ++i) {
        if (bytes[i] != pattern(from + i)) return false;
      }
      return true;
    }

    stress& owner;
    std::vector<std::byte> bytes;
    boost::asio::steady_timer timer; ///< until the cancellation
    boost::asio::steady_timer pause; ///< until the next operation
    int descriptor_ = -1;
    std::size_t wanted = 0;
    std::uint64_t at = 0;
    std::uint64_t sequence = 0; ///< bytes of the stream so far
    std::uint64_t number = 0;
    bool active = false;
    bool asked = false;
    bool asked_late = false;
  };

  void drain() {
    if (draining_) return;
    draining_ = true;
    boost::asio::post(loop_, [this] {
      for (unit& u : units_) {
        if (u.active) u.ask();
      }
    });
  }

  boost::asio::io_context& loop_;
  engine& engine_;
  long left_;
  int file_;
  int in_flight_ = 0;
  bool draining_ = false;
  tally tally_;
  std::minstd_rand random_{4711};
  std::vector<std::array<int, 2>> pairs_;
  std::deque<unit> units_;
};

void check(const stress& s, long operations) {
  const tally& t = s.result();
  INFO(
      "started " << t.started << ", asked " << t.asked << ", cancelled " << t.cancelled << ", late "
                 << t.late);
  CHECK(t.wrong == 0);
  CHECK(t.doubled == 0);
  CHECK(t.uninvited == 0);
  CHECK(s.in_flight() == 0);
  CHECK(t.started >= operations);
  CHECK(t.asked * 3 >= t.started);
  CHECK(t.cancelled * 5 >= t.started);
  CHECK(t.late * 20 >= t.started);
}

int pattern_file(const scratch_dir& dir) {
  const auto bytes = patterned(file_size);
  dir.write("pattern", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return ::open((dir / "pattern").c_str(), O_RDONLY | O_CLOEXEC);
}

void run_engine(
    std::unique_ptr<engine> e, boost::asio::io_context& loop, long operations, int units) {
  REQUIRE(e);
  const watchdog dog(180s);
  const scratch_dir dir;
  const int file = pattern_file(dir);
  stress s(loop, *e, operations, units, file);
  s.start();
  loop.run(); // ends only when every completion has come
  check(s, operations);
  e->shutdown();
  ::close(file);
}

} // namespace

TEST_CASE("stress: 250,000 mixed operations, a third cancelled, none wrong, lost or doubled") {
  boost::asio::io_context loop(1);
  std::string why;
  const bool ring = engine_choice_from_environment() != engine_choice::threads;
  auto e = ring ? make_ring_engine(loop, why) : nullptr;
  if (!e) e = make_threads_engine(loop);
  run_engine(std::move(e), loop, 250'000, 100);
}

TEST_CASE("stress: a ring that wraps thousands of times, with a full backlog", "[ring]") {
  boost::asio::io_context loop(1);
  std::string why;
  run_engine(make_ring_engine(loop, why, {32, 64, 600}), loop, 250'000, 150);
}

TEST_CASE("stress: a completion queue that overflows", "[ring]") {
  boost::asio::io_context loop(1);
  std::string why;
  run_engine(make_ring_engine(loop, why, {16, 32, 1000}), loop, 100'000, 150);
}
