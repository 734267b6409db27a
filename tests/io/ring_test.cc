// What only the ring has: sizes that are overrun, and a loop that ends.
#include "fixture.hpp"
#include "ring.hpp"
#include "support/scratch_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cerrno>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace wale::io;
using namespace wale::io::test;
using namespace std::chrono_literals;

namespace {

struct counted : operation {
  int* completions = nullptr;
  int result = -1;
  static void count(operation* self, int r) noexcept {
    auto& me = *static_cast<counted*>(self);
    ++*me.completions;
    me.result = r;
  }
};

std::unique_ptr<engine> open_ring(boost::asio::io_context& loop, const ring_sizes& sizes) {
  std::string why;
  auto ring = make_ring_engine(loop, why, sizes);
  INFO(why);
  REQUIRE(ring);
  return ring;
}

// An operation that is run to its end.
int result_of(engine& ring, boost::asio::io_context& loop, counted& op) {
  int completions = 0;
  op.completions = &completions;
  op.complete = &counted::count;
  ring.start(op);
  loop.restart();
  loop.run();
  return completions == 1 ? op.result : -1;
}

counted send_of(int fd, std::vector<char>& bytes) {
  counted op;
  op.kind = op_kind::send;
  op.fd = fd;
  op.data = bytes.data();
  op.length = bytes.size();
  return op;
}

bool has_kernel_worker() {
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(one.path() / "comm") >> name;
    if (name.starts_with("iou-wrk")) return true;
  }
  return false;
}

struct pair_of_sockets {
  int ends[2] = {-1, -1};
  pair_of_sockets() = default;
  ~pair_of_sockets() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  pair_of_sockets(const pair_of_sockets&) = delete;
  pair_of_sockets& operator=(const pair_of_sockets&) = delete;
  bool open() { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0; }
};

// For a process of its own, which limits bind.
int work_without_workers(rlim_t most, const std::string& path) {
  constexpr uid_t nobody = 65534;
  ::alarm(30);
  if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) return 2;
  const rlimit limit{most, most};
  if (::setrlimit(RLIMIT_NPROC, &limit) != 0) return 3;
  boost::asio::io_context loop(1);
  std::string why;
  const auto ring = make_ring_engine(loop, why, ring_sizes{});
  if (!ring) return 4;
  counted op;
  op.kind = op_kind::open; // one that makes a file always goes to a worker
  op.path = path.c_str();
  op.flags = O_WRONLY | O_CREAT | O_EXCL;
  op.mode = 0600;
  if (result_of(*ring, loop, op) < 0) return 5;
  pair_of_sockets sockets;
  if (!sockets.open()) return 6;
  std::vector<char> much(64 * 1024);
  counted sending = send_of(sockets.ends[0], much);
  return result_of(*ring, loop, sending) == static_cast<int>(much.size()) ? 0 : 7;
}

// For a process of its own, which has no worker yet.
int send_little_and_much() {
  ::alarm(30);
  boost::asio::io_context loop(1);
  std::string why;
  const auto ring = make_ring_engine(loop, why, ring_sizes{});
  pair_of_sockets sockets;
  if (!ring || !sockets.open()) return 2;
  std::vector<char> little(1024);
  counted first = send_of(sockets.ends[0], little);
  if (result_of(*ring, loop, first) != static_cast<int>(little.size())) return 3;
  if (has_kernel_worker()) return 4;
  std::vector<char> much(64 * 1024);
  counted second = send_of(sockets.ends[0], much);
  if (result_of(*ring, loop, second) != static_cast<int>(much.size())) return 5;
  return has_kernel_worker() ? 0 : 6;
}

template <class Work> int in_own_process(Work work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

} // namespace

TEST_CASE("what the kernel may have no worker for is done all the same", "[ring]") {
  const wale::test::scratch_dir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms::all);
  const rlim_t most = GENERATE(0, 1);
  CAPTURE(most);
  REQUIRE(in_own_process([&] { return work_without_workers(most, dir / "a"); }) == 0);
}

TEST_CASE("a large send does not hold the loop", "[ring]") {
  REQUIRE(in_own_process(&send_little_and_much) == 0);
}

TEST_CASE("the loop ends when the ring is idle", "[ring]") {
  const watchdog dog(30s);
  boost::asio::io_context loop(1);
  const auto ring = open_ring(loop, {});
  int completions = 0;
  for (int round = 1; round <= 3; ++round) {
    std::deque<counted> ops(10);
    for (counted& op : ops) {
      op.completions = &completions;
      op.complete = &counted::count;
      ring->start(op);
    }
    loop.restart();
    loop.run();
    REQUIRE(completions == 10 * round);
  }
}

TEST_CASE("what has been read is handled before the kernel has copied megabytes more", "[ring]") {
  const watchdog dog(30s);
  constexpr std::size_t piece = 256 * 1024;
  const wale::test::scratch_dir dir;
  const std::string path = dir / "a";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  std::vector<char> memory(piece, 'x');
  REQUIRE(::write(fd, memory.data(), piece) == piece); // so the page cache has it

  boost::asio::io_context loop(1);
  const auto ring = open_ring(loop, {});
  int completions = 0;
  std::deque<counted> ops(64);
  for (counted& op : ops) {
    op.kind = op_kind::read;
    op.fd = fd;
    op.data = memory.data();
    op.length = piece;
    op.completions = &completions;
    op.complete = &counted::count;
    ring->start(op);
  }
  // As a coroutine that awaits the first one would be.
  int seen = 0;
  const std::function<void()> look = [&] {
    if (completions == 0) return boost::asio::post(loop, look);
    seen = completions;
  };
  boost::asio::post(loop, look);
  loop.run();
  REQUIRE(completions == 64);
  REQUIRE(seen > 0);
  REQUIRE(seen < 16);
  for (const counted& op : ops)
    REQUIRE(op.result == piece);
  ::close(fd);
}

TEST_CASE("a send can be cancelled at any moment", "[ring]") {
  const watchdog dog(60s);
  std::vector<char> much(4 * 1024 * 1024);
  for (int round = 0; round < 500; ++round) {
    pair_of_sockets sockets;
    REQUIRE(sockets.open());
    boost::asio::io_context loop(1);
    auto ring = open_ring(loop, {});
    int completions = 0;
    counted op = send_of(sockets.ends[0], much);
    op.completions = &completions;
    op.complete = &counted::count;
    ring->start(op);
    loop.poll();
    // The worker fills the buffer meanwhile, and then waits for room.
    const auto until = std::chrono::steady_clock::now() + round * 1us;
    while (std::chrono::steady_clock::now() < until) {
    }
    const bool by_shutdown = round % 2 == 1;
    if (by_shutdown) {
      ring.reset();
    } else {
      ring->cancel(op);
      loop.restart();
      loop.run();
      REQUIRE(completions == 1);
      REQUIRE((op.result > 0 || op.result == -ECANCELED));
    }
  }
}

TEST_CASE("more operations than the ring has places are all done, in any size of ring", "[ring]") {
  const watchdog dog(60s);
  const auto sizes = GENERATE(ring_sizes{4, 8, 8}, ring_sizes{16, 32, 1000}, ring_sizes{});
  boost::asio::io_context loop(1);
  const auto ring = open_ring(loop, sizes);
  int completions = 0;
  std::deque<counted> ops(20'000);
  for (counted& op : ops) {
    op.completions = &completions;
    op.complete = &counted::count;
    ring->start(op);
  }
  loop.run();
  REQUIRE(completions == 20'000);
  for (const counted& op : ops)
    REQUIRE(op.result == 0);
}

TEST_CASE("an operation that waits for a place can be cancelled there", "[ring]") {
  const watchdog dog(30s);
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  boost::asio::io_context loop(1);
  const auto ring = open_ring(loop, {4, 8, 8});
  int completions = 0;
  std::deque<counted> silent(20);
  std::array<std::byte, 4> buffer{};
  for (counted& op : silent) {
    op.kind = op_kind::recv;
    op.fd = pair[0];
    op.data = buffer.data();
    op.length = buffer.size();
    op.completions = &completions;
    op.complete = &counted::count;
    ring->start(op);
  }
  loop.poll();
  REQUIRE(completions == 0);
  loop.restart();
  ring->cancel(silent[15]); // eight are in the kernel, this one is not
  loop.poll();
  REQUIRE(completions == 1);
  REQUIRE(silent[15].result == -ECANCELED);
  for (counted& op : silent)
    ring->cancel(op);
  loop.restart();
  loop.run();
  REQUIRE(completions == 20);
  for (const counted& op : silent)
    REQUIRE(op.result == -ECANCELED);
  ::close(pair[0]);
  ::close(pair[1]);
}
