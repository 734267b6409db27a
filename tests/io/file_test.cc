// Files over the engine.
#include "fixture.hpp"
#include "support/scratch_dir.hpp"

#include <filesystem>
#include <fstream>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using wale::test::scratch_dir;

namespace {

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

task<> open_only(runtime& rt, std::string path, int flags) {
  const file f = co_await file::open(rt, path, flags);
}

} // namespace

WALE_IO_TEST("a file is written, made durable and read back") {
  const scratch_dir dir;
  const auto bytes = patterned(1'000'003);
  file f = co_await file::open(rt, dir / "a", O_RDWR | O_CREAT | O_EXCL, 0600);
  co_await f.write_at(0, bytes);
  co_await f.sync();
  std::vector<std::byte> back(bytes.size());
  const std::size_t n = co_await f.read_at(0, back);
  REQUIRE(n == bytes.size());
  REQUIRE(back == bytes);
  REQUIRE((::fcntl(f.descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
  struct stat s = {};
  REQUIRE(::fstat(f.descriptor(), &s) == 0);
  REQUIRE((s.st_mode & 0777) == 0600);
  f.close();
  REQUIRE(!f);
  const std::string content = content_of(dir / "a");
  REQUIRE(content.size() == bytes.size());
  REQUIRE(std::memcmp(content.data(), bytes.data(), bytes.size()) == 0);
}

// io_uring of Linux 5.10 to 6.4 answers every read of such a file with EAGAIN where the block
// device cannot do without waiting: loop, dm-crypt, thin volumes.
WALE_IO_TEST("a file that was opened without waiting is read with waiting") {
  const scratch_dir dir;
  dir.write("a", "0123456789");
  const int fd = ::open((dir / "a").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const file adopted = file::adopt(rt, fd, dir / "a");
  REQUIRE((::fcntl(adopted.descriptor(), F_GETFL) & O_NONBLOCK) == 0);
  const file opened = co_await file::open(rt, dir / "a", O_RDONLY | O_NONBLOCK);
  REQUIRE((::fcntl(opened.descriptor(), F_GETFL) & O_NONBLOCK) == 0);
}

WALE_IO_TEST("reading beyond the end is short") {
  const scratch_dir dir;
  dir.write("a", "0123456789");
  file f = co_await file::open(rt, dir / "a", O_RDONLY);
  std::vector<std::byte> buffer(100);
  const std::size_t tail = co_await f.read_at(7, buffer);
  REQUIRE(tail == 3);
  REQUIRE(buffer[0] == std::byte{'7'});
  const std::size_t none = co_await f.read_at(10, buffer);
  REQUIRE(none == 0);
  const std::size_t empty = co_await f.read_at(0, std::span<std::byte>());
  REQUIRE(empty == 0);
}

WALE_IO_TEST("parts are written one after the other, more of them than one call takes") {
  const scratch_dir dir;
  const auto bytes = patterned(3000 * 7);
  std::vector<std::span<const std::byte>> parts;
  for (std::size_t i = 0; i < 3000; ++i) {
    parts.push_back(std::span(bytes).subspan(i * 7, 7));
    if (i % 100 == 0) parts.emplace_back(); // empty ones are no end
  }
  file f = co_await file::open(rt, dir / "a", O_WRONLY | O_CREAT, 0600);
  co_await f.write_at(5, parts);
  f.close();
  const std::string content = content_of(dir / "a");
  REQUIRE(content.size() == bytes.size() + 5);
  REQUIRE(std::memcmp(content.data() + 5, bytes.data(), bytes.size()) == 0);
}

WALE_IO_TEST("failures carry error number and path") {
  const scratch_dir dir;
  const auto absent = co_await error_of(open_only(rt, dir / "absent", O_RDONLY));
  REQUIRE(failure_in(absent).error_number() == ENOENT);
  REQUIRE(failure_in(absent).text().detail.find(dir / "absent") != std::string::npos);

  dir.write("a", "x");
  const auto exists = co_await error_of(open_only(rt, dir / "a", O_CREAT | O_EXCL | O_WRONLY));
  REQUIRE(failure_in(exists).error_number() == EEXIST);

  file f = co_await file::open(rt, dir / "a", O_RDONLY);
  const auto bytes = patterned(10);
  const auto refused = co_await error_of(f.write_at(0, bytes));
  REQUIRE(failure_in(refused).error_number() == EBADF);
}

WALE_IO_TEST("a full device is no_space") {
  file f = co_await file::open(rt, "/dev/full", O_WRONLY);
  const auto bytes = patterned(4096);
  const auto error = co_await error_of(f.write_at(0, bytes));
  REQUIRE(failure_in(error).why() == kind::no_space);
  REQUIRE(failure_in(error).error_number() == ENOSPC);
}

WALE_IO_TEST("a short write is gone on with, until the error that made it short") {
  // RLIMIT_FSIZE cuts the first write and fails the next one, as a disk that fills up does.
  struct limit {
    rlimit before = {};
    limit() {
      ::signal(SIGXFSZ, SIG_IGN);
      ::getrlimit(RLIMIT_FSIZE, &before);
      const rlimit now = {10'000, before.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~limit() { ::setrlimit(RLIMIT_FSIZE, &before); }
  };
  const scratch_dir dir;
  file f = co_await file::open(rt, dir / "a", O_WRONLY | O_CREAT, 0600);
  const auto bytes = patterned(20'000);
  std::exception_ptr error;
  {
    const limit small;
    error = co_await error_of(f.write_at(0, bytes));
  }
  REQUIRE(failure_in(error).error_number() == EFBIG);
  REQUIRE(std::filesystem::file_size(dir / "a") == 10'000);
}

WALE_IO_TEST("a failed close tells so, and the file is closed all the same") {
  file f = co_await file::open(rt, "/dev/null", O_RDONLY);
  ::close(f.descriptor());
  REQUIRE_THROWS_AS(f.close(), failure);
  REQUIRE(!f);
}

WALE_IO_TEST("many operations on one file at once") {
  const scratch_dir dir;
  constexpr std::size_t piece = 10'000;
  const auto bytes = patterned(50 * piece);
  file f = co_await file::open(rt, dir / "a", O_RDWR | O_CREAT, 0600);
  task_group group(rt.context().get_executor());
  for (std::size_t i = 0; i < 50; ++i) {
    group.spawn(f.write_at(i * piece, std::span(bytes).subspan(i * piece, piece)));
  }
  co_await group.join();
  std::vector<std::byte> back(bytes.size());
  auto read_piece = [&](std::size_t i) -> task<> {
    const std::size_t n = co_await f.read_at(i * piece, std::span(back).subspan(i * piece, piece));
    REQUIRE(n == piece);
  };
  for (std::size_t i = 0; i < 50; ++i)
    group.spawn(read_piece(i));
  co_await group.join();
  REQUIRE(back == bytes);
}

WALE_IO_TEST("an operation of a cancelled coroutine is not begun") {
  const scratch_dir dir;
  task_group group(rt.context().get_executor());
  group.cancel();
  group.spawn(open_only(rt, dir / "a", O_WRONLY | O_CREAT));
  co_await group.join();
  REQUIRE(!std::filesystem::exists(dir / "a"));
}
