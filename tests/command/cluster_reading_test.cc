#include "cluster_reading.hpp"

#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <vector>

using namespace wale;
using namespace wale::command;

namespace {

using clock = std::chrono::steady_clock;

task<> read_file(cluster_reading& reading, std::size_t size) {
  while (size > 0)
    size -= co_await reading.pass(size);
}

task<> read_all(io::runtime& rt, cluster_reading& reading, std::size_t readers, std::size_t each) {
  io::task_group group(rt.context().get_executor());
  for (std::size_t i = 0; i < readers; ++i)
    group.spawn(read_file(reading, each));
  co_await group.join();
}

task<> hold_a_turn(cluster_reading& reading) {
  co_await reading.pass(1); // one byte a second
}

// One reader holds the turn, one waits for it; both are cancelled, the turn is free again.
task<> cancel_all(io::runtime& rt, cluster_reading& reading) {
  io::task_group group(rt.context().get_executor());
  group.spawn(hold_a_turn(reading));
  group.spawn(hold_a_turn(reading));
  co_await rt.sleep(std::chrono::milliseconds(1));
  group.cancel();
  co_await group.join();
  co_await reading.pass(1);
}

} // namespace

TEST_CASE("without a limit all that is wanted passes, counted") {
  io::runtime rt;
  cluster_reading reading(rt, {});
  rt.run(read_all(rt, reading, 3, 262'144));
  CHECK(reading.meter().sample(clock::now()).done == 3 * 262'144);
}

TEST_CASE("all readers together are held back to the rate") {
  io::runtime rt;
  const std::size_t readers = GENERATE(1, 4);
  const auto began = clock::now();
  cluster_reading reading(rt, 1'000'000);
  rt.run(read_all(rt, reading, readers, 200'000 / readers));
  CHECK(reading.meter().sample(clock::now()).done == 200'000);
  // The last millisecond is not waited for.
  CHECK(clock::now() - began >= std::chrono::milliseconds(198));
}

TEST_CASE("a reader that is cancelled gives its turn back") {
  io::runtime rt;
  cluster_reading reading(rt, 1);
  rt.run(cancel_all(rt, reading));
  CHECK(reading.meter().sample(clock::now()).done == 1);
}
