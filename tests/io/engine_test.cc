// What both engines promise about operations: engine.hpp.
#include "fixture.hpp"
#include "support/scratch_dir.hpp"

#include <wale/io/engine.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstring>
#include <poll.h>
#include <string>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;
using wale::test::scratch_dir;

namespace {

operation transfer(op_kind kind, int fd, std::span<std::byte> bytes) {
  operation op;
  op.kind = kind;
  op.fd = fd;
  op.data = bytes.data();
  op.length = bytes.size();
  return op;
}

struct recorded : operation {
  int completions = 0;
  int result = 0;

  explicit recorded(const operation& op) : operation(op) {
    complete = [](operation* self, int r) noexcept {
      auto& me = *static_cast<recorded*>(self);
      ++me.completions;
      me.result = r;
    };
  }
};

struct pipe_ends {
  std::array<int, 2> fd{};
  pipe_ends() { REQUIRE(::pipe2(fd.data(), O_CLOEXEC) == 0); }
  ~pipe_ends() {
    for (const int end : fd)
      ::close(end);
  }
};

// Round trips through the engine.
task<> trips(runtime& rt, int n) {
  const operation nop;
  for (int i = 0; i < n; ++i)
    co_await rt.perform(nop);
}

task<> perform_into(runtime& rt, operation op, int& result) {
  result = co_await rt.perform(op);
}

} // namespace

WALE_IO_TEST("the engine is the one that was asked for") {
  const char* const asked = std::getenv("WALE_IO");
  const char* const expected = std::getenv("WALE_TEST_ENGINE");
  if (asked) REQUIRE(rt.engine().name() == asked);
  if (expected) REQUIRE(rt.engine().name() == expected);
  co_return;
}

WALE_IO_TEST("complete is called once, later, never from inside start or cancel") {
  auto [a, b] = socket_pair(rt);
  std::vector<std::byte> buffer(16);
  recorded nop{operation()};
  recorded silent(transfer(op_kind::recv, a.descriptor(), buffer));
  rt.engine().start(nop);
  rt.engine().start(silent);
  REQUIRE(nop.completions == 0);
  co_await trips(rt, 3);
  REQUIRE(nop.completions == 1);
  REQUIRE(nop.result == 0);
  REQUIRE(silent.completions == 0);
  rt.engine().cancel(silent);
  rt.engine().cancel(silent);
  REQUIRE(silent.completions == 0);
  while (silent.completions == 0)
    co_await trips(rt, 1);
  rt.engine().cancel(silent); // harmless
  co_await trips(rt, 3);
  REQUIRE(silent.completions == 1);
  REQUIRE(silent.result == -ECANCELED);
}

WALE_IO_TEST("cancelled before it was submitted") {
  auto [a, b] = socket_pair(rt);
  std::vector<std::byte> buffer(16);
  recorded silent(transfer(op_kind::recv, a.descriptor(), buffer));
  rt.engine().start(silent);
  rt.engine().cancel(silent);
  while (silent.completions == 0)
    co_await trips(rt, 1);
  REQUIRE(silent.result == -ECANCELED);
  // No byte was taken by the cancelled read.
  const auto bytes = patterned(16);
  co_await b.write(bytes);
  const std::size_t n = co_await a.read_exactly(buffer);
  REQUIRE(n == 16);
  REQUIRE(buffer == bytes);
}

WALE_IO_TEST("a send ends with all of it, over many rounds of a full buffer") {
  auto [a, b] = socket_pair(rt);
  auto out = patterned(5'000'000);
  std::vector<std::byte> in(out.size());
  int sent = 0;
  task_group group(rt.context().get_executor());
  group.spawn(perform_into(rt, transfer(op_kind::send, a.descriptor(), out), sent));
  std::size_t got = 0;
  while (got < in.size()) {
    const std::size_t n = co_await b.read_some(
        std::span(in).subspan(got).first(std::min<std::size_t>(100'000, in.size() - got)));
    got += n;
  }
  co_await group.join();
  REQUIRE(sent == static_cast<int>(out.size()));
  REQUIRE(in == out);
}

WALE_IO_TEST("recv is short, recv_all is not but for the end of the stream") {
  auto [a, b] = socket_pair(rt);
  const auto bytes = patterned(100);
  std::vector<std::byte> buffer(100);
  co_await a.write(std::span(bytes).first(30));
  const int some = co_await rt.perform(transfer(op_kind::recv, b.descriptor(), buffer));
  REQUIRE(some == 30);

  int all = 0;
  task_group group(rt.context().get_executor());
  group.spawn(perform_into(rt, transfer(op_kind::recv_all, b.descriptor(), buffer), all));
  co_await a.write(std::span(bytes).first(60));
  co_await trips(rt, 3);
  REQUIRE(group.running() == 1);
  co_await a.write(std::span(bytes).subspan(60));
  co_await group.join();
  REQUIRE(all == 100);
  REQUIRE(buffer == bytes);

  co_await a.write(std::span(bytes).first(7));
  a.close();
  const int last = co_await rt.perform(transfer(op_kind::recv_all, b.descriptor(), buffer));
  REQUIRE(last == 7);
  const int none = co_await rt.perform(transfer(op_kind::recv, b.descriptor(), buffer));
  REQUIRE(none == 0);
}

WALE_IO_TEST("several parts are gathered into one send") {
  auto [a, b] = socket_pair(rt);
  auto bytes = patterned(30);
  const std::array<iovec, 2> parts{{{bytes.data(), 10}, {bytes.data() + 10, 20}}};
  operation op;
  op.kind = op_kind::sendv;
  op.fd = a.descriptor();
  op.vectors = parts.data();
  op.vector_count = 2;
  const int n = co_await rt.perform(op);
  REQUIRE(n == 30);
  std::vector<std::byte> in(30);
  co_await b.read_exactly(in);
  REQUIRE(in == bytes);
}

WALE_IO_TEST("writing to a closed peer is EPIPE, not a signal") {
  auto [a, b] = socket_pair(rt);
  b.close();
  auto bytes = patterned(10);
  const int n = co_await rt.perform(transfer(op_kind::send, a.descriptor(), bytes));
  REQUIRE(n == -EPIPE);
}

WALE_IO_TEST("a read and a write wait on the same descriptor at once") {
  auto [a, b] = socket_pair(rt);
  auto out = patterned(3'000'000);
  std::vector<std::byte> in(10);
  int sent = 0;
  int got = 0;
  task_group group(rt.context().get_executor());
  group.spawn(perform_into(rt, transfer(op_kind::recv_all, a.descriptor(), in), got));
  group.spawn(perform_into(rt, transfer(op_kind::send, a.descriptor(), out), sent));
  co_await trips(rt, 3);
  co_await b.write(std::span(out).first(10));
  while (got == 0)
    co_await trips(rt, 1);
  REQUIRE(sent == 0);
  std::vector<std::byte> all(out.size());
  co_await b.read_exactly(all);
  co_await group.join();
  REQUIRE(sent == static_cast<int>(out.size()));
  REQUIRE(all == out);
}

WALE_IO_TEST("poll tells what a descriptor is ready for, and waits for it") {
  const pipe_ends p;
  const int writable = co_await rt.ready(p.fd[1], POLLOUT);
  REQUIRE((writable & POLLOUT) != 0);
  int readable = 0;
  operation op;
  op.kind = op_kind::poll;
  op.fd = p.fd[0];
  op.flags = POLLIN;
  task_group group(rt.context().get_executor());
  group.spawn(perform_into(rt, op, readable));
  co_await trips(rt, 3);
  REQUIRE(group.running() == 1);
  REQUIRE(::write(p.fd[1], "x", 1) == 1);
  co_await group.join();
  REQUIRE((readable & POLLIN) != 0);
}

WALE_IO_TEST("poll for either of two events on a connection that is written to meanwhile") {
  auto [a, b] = socket_pair(rt);
  const int both = co_await rt.ready(a.descriptor(), POLLIN | POLLOUT);
  REQUIRE(both == POLLOUT);
  const auto bytes = patterned(1);
  co_await b.write(bytes);
  const int then = co_await rt.ready(a.descriptor(), POLLIN | POLLOUT);
  REQUIRE(then == (POLLIN | POLLOUT));
}

WALE_IO_TEST("a descriptor number that is used again is another one") {
  for (int round = 0; round < 50; ++round) {
    auto [a, b] = socket_pair(rt);
    std::vector<std::byte> buffer(4);
    int got = -1;
    task_group group(rt.context().get_executor());
    group.spawn(perform_into(rt, transfer(op_kind::recv, a.descriptor(), buffer), got));
    co_await trips(rt, 2);
    if (round % 2) {
      group.cancel();
    } else {
      const auto bytes = patterned(4, static_cast<std::uint64_t>(round));
      co_await b.write(bytes);
    }
    co_await group.join();
    REQUIRE(got == (round % 2 ? -ECANCELED : 4));
  }
}

TEST_CASE("shutdown with operations in flight leaves nothing to the kernel") {
  const watchdog dog(60s);
  const scratch_dir dir;
  dir.write("a", std::string(16 << 20, 'x'));
  const int fd = ::open((dir / "a").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(::fsync(fd) == 0); // dirty pages cannot be dropped
  for (int round = 0; round < 20; ++round) {
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    // Cold, so that reads are still under way at the shutdown.
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    auto buffer = std::make_unique<std::vector<std::byte>>(16 << 20);
    std::vector<std::byte> small(16);
    std::vector<recorded> ops;
    ops.reserve(40);
    {
      runtime rt(options());
      auto start_all = [&]() -> task<> {
        ops.emplace_back(transfer(op_kind::read, fd, *buffer));
        for (int i = 0; i < 16; ++i)
          ops.emplace_back(transfer(op_kind::recv, pair[0], small));
        for (recorded& op : ops)
          rt.engine().start(op);
        if (round % 5) co_await trips(rt, 1);
      };
      rt.run(start_all());
    }
    int completed = 0;
    for (const recorded& op : ops) {
      REQUIRE(op.completions <= 1);
      completed += op.completions;
      if (op.kind == op_kind::recv) REQUIRE(op.completions == 0);
    }
    REQUIRE(completed <= 1);
    // An operation that the kernel still holds keeps the connection open behind the close.
    ::close(pair[0]);
    char byte;
    REQUIRE(::recv(pair[1], &byte, 1, MSG_DONTWAIT) == 0);
    ::close(pair[1]);
    // Were anything still written, the sanitizers would see it here, and so does the comparison.
    std::memset(buffer->data(), 7, buffer->size());
    ::usleep(10'000);
    for (const std::byte b : *buffer) {
      if (b != std::byte{7}) FAIL("the kernel wrote after shutdown");
    }
  }
  ::close(fd);
}

TEST_CASE("a coroutine that waits when the runtime goes is destroyed") {
  const watchdog dog(60s);
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  struct mark_end {
    bool& ended;
    ~mark_end() { ended = true; }
  };
  bool destroyed = false;
  {
    runtime rt(options());
    std::vector<std::byte> buffer(16);
    auto waits = [&]() -> task<> {
      const mark_end mark{destroyed};
      co_await rt.perform(transfer(op_kind::recv, pair[0], buffer));
      FAIL("nobody writes");
    };
    // Left by an exception that a handler lets through: what no program of ours does.
    boost::asio::post(rt.context(), [&rt] {
      boost::asio::post(rt.context(), [&rt] {
        boost::asio::post(rt.context(), [] { throw std::runtime_error("out of the loop"); });
      });
    });
    REQUIRE_THROWS_AS(rt.run(waits()), std::runtime_error);
    REQUIRE(!destroyed);
  }
  REQUIRE(destroyed);
  ::close(pair[0]);
  ::close(pair[1]);
}
