#include "progress_report.hpp"

#include <wale/base/error.hpp>
#include <wale/io/event.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <vector>

using namespace wale;
using namespace wale::command;
using namespace std::chrono_literals;

namespace {

struct told {
  std::vector<progress> all;
  io::event again;
  bool ended = false;
};

progress_style style_of(told& t, std::chrono::milliseconds first, std::chrono::milliseconds later) {
  return {
      first,
      later,
      [&t](const progress& p) {
        t.all.push_back(p);
        t.again.notify_all();
      },
      [&t] { t.ended = true; }};
}

// Does a piece of work each time it was told how far it is.
task<> work_in_steps(progress_meter& meter, told& t, int steps) {
  for (int i = 0; i < steps; ++i) {
    co_await t.again.wait();
    meter.add(10);
  }
}

task<> fail() {
  throw failure(kind::unavailable, "it broke");
  co_return;
}

task<> add_at_once(progress_meter& meter) {
  meter.add(1);
  co_return;
}

class three_blocks final : public io::source {
public:
  explicit three_blocks(io::block_budget budget) : budget_(std::move(budget)) {}
  task<io::block> next() override {
    if (++count_ > 3) co_return io::block();
    io::block b = co_await budget_.acquire();
    b.append(100 * count_);
    co_return b;
  }
  task<> close() override {
    closed = true;
    co_return;
  }
  bool closed = false;

private:
  io::block_budget budget_;
  std::size_t count_ = 0;
};

task<> read_metered(io::runtime& rt, progress_meter& meter) {
  auto blocks = std::make_unique<three_blocks>(co_await rt.blocks().reserve(1));
  const three_blocks& inner = *blocks;
  const std::unique_ptr<io::source> counted = metered(std::move(blocks), meter);
  std::size_t sum = 0;
  for (bool more = true; more;) {
    const io::block b = co_await counted->next();
    more = static_cast<bool>(b);
    if (more) sum += b.size();
  }
  CHECK(sum == 600);
  co_await counted->close();
  CHECK(inner.closed);
}

} // namespace

TEST_CASE("it is told again and again how far the work is, until it ends") {
  io::runtime rt;
  progress_meter meter({});
  meter.expect(30);
  told t;
  rt.run(with_progress(rt, meter, style_of(t, 0ms, 1ms), work_in_steps(meter, t, 3)));
  REQUIRE(t.all.size() >= 3);
  CHECK(t.all[0].done == 0);
  CHECK(t.all[1].done == 10);
  CHECK(t.all[2].done == 20);
  CHECK(t.all[2].total == 30);
  CHECK(t.ended);
}

TEST_CASE("work that ends before the first time is not held up") {
  io::runtime rt;
  progress_meter meter({});
  told t;
  const auto before = std::chrono::steady_clock::now();
  rt.run(with_progress(rt, meter, style_of(t, 1h, 1h), add_at_once(meter)));
  CHECK(std::chrono::steady_clock::now() - before < 1min);
  CHECK(t.all.empty());
  CHECK(t.ended);
}

TEST_CASE("a failure of the work ends it too") {
  io::runtime rt;
  progress_meter meter({});
  told t;
  CHECK_THROWS_WITH(rt.run(with_progress(rt, meter, style_of(t, 0ms, 1h), fail())), "it broke");
  CHECK(t.ended);
}

TEST_CASE("without a terminal there is a record each 30 seconds") {
  const progress_style style = progress_style_here("backup-push"); // of a test program
  CHECK(style.first == 30s);
  CHECK(style.interval == 30s);
}

TEST_CASE("a metered source counts its bytes") {
  io::runtime rt;
  progress_meter meter({});
  rt.run(read_metered(rt, meter));
  CHECK(meter.sample({}).done == 600);
}
