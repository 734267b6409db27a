// Programs that print credentials.
#include "aws_fixture.hpp"
#include "aws_process.hpp"

#include <wale/io/task_group.hpp>

#include <csignal>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

using words = std::vector<std::string>;

words shell(std::string script) {
  return {"/bin/sh", "-c", std::move(script)};
}

} // namespace

TEST_CASE("a command line is split without a shell") {
  CHECK(split_command("/opt/bin/creds --user  a") == words{"/opt/bin/creds", "--user", "a"});
  CHECK(split_command("p \"a b\"c 'd \"e\\' \\ f") == words{"p", "a bc", "d \"e\\", " f"});
  CHECK(split_command("p \"a\\\"b\\\\c\\d\" ''") == words{"p", "a\"b\\c\\d", ""});
  CHECK(split_command("\tp $HOME `id` *;|&") == words{"p", "$HOME", "`id`", "*;|&"});
  for (const char* line : {"", "  ", "\"\"", "p \"open", "p 'open"}) {
    INFO(line);
    CHECK(failure_of([&] { split_command(line); }).why() == kind::configuration);
  }
}

WALE_IO_TEST("a process's output is read to its end") {
  const std::string text = co_await output_of(rt, shell("printf a; sleep 0.05; printf 'b\\n'"));
  CHECK(text == "ab\n");
  const std::string nothing = co_await output_of(rt, shell("cat"));
  CHECK(nothing.empty());
  const std::string by_path = co_await output_of(rt, words(1, "pwd"));
  CHECK_FALSE(by_path.empty());
}

WALE_IO_TEST("a process that fails, or is none") {
  const failure status = failure_in(co_await error_of(
      [](io::runtime& r) -> task<> { co_await output_of(r, shell("echo MARK; exit 3")); }(rt)));
  CHECK(status.why() == kind::unavailable);
  CHECK(says(status.text().detail, "status 3"));
  CHECK_FALSE(says(status.text().detail, "MARK"));
  const failure killed = failure_in(co_await error_of(
      [](io::runtime& r) -> task<> { co_await output_of(r, shell("kill -9 $$")); }(rt)));
  CHECK(says(killed.text().detail, "signal 9"));
  const failure absent = failure_in(co_await error_of([](io::runtime& r) -> task<> {
    co_await output_of(r, words(1, "/nonexistent/program"));
  }(rt)));
  CHECK(absent.why() == kind::configuration);
  CHECK(says(absent.text().detail, "/nonexistent/program"));
}

WALE_IO_TEST("a process that prints without end is stopped") {
  const failure f = failure_in(co_await error_of([](io::runtime& r) -> task<> {
    co_await output_of(r, shell("yes"), std::chrono::seconds(30), 10'000);
  }(rt)));
  CHECK(f.why() == kind::unavailable);
  CHECK(says(f.text().detail, "10000 bytes"));
}

WALE_IO_TEST("a process that takes too long is killed, and what it has started") {
  const scratch_dir dir;
  // The grandchild keeps the pipe open, and would be seen alive by its file.
  const std::string script = "sleep 60 & echo $! > " + (dir / "pid") + "; wait";
  const failure f = failure_in(co_await error_of([](io::runtime& r, std::string s) -> task<> {
    co_await output_of(r, shell(s), std::chrono::milliseconds(300));
  }(rt, script)));
  CHECK(f.why() == kind::unavailable);
  std::ifstream file(dir / "pid");
  pid_t grandchild = 0;
  REQUIRE(file >> grandchild);
  // Killed; where nobody reaps orphans it stays as a zombie.
  const auto is_dead = [grandchild] {
    std::ifstream status("/proc/" + std::to_string(grandchild) + "/stat");
    std::string stat;
    std::getline(status, stat);
    return stat.empty() || says(stat, ") Z ") || says(stat, ") X ");
  };
  // The kernel takes its time where the machine is busy.
  for (int i = 0; i < 500 && !is_dead(); ++i)
    ::usleep(10'000);
  CHECK(is_dead());
}

namespace {

task<> run_for_long(io::runtime& rt) {
  co_await output_of(rt, shell("sleep 60"), std::chrono::seconds(60));
}

} // namespace

WALE_IO_TEST("a cancelled caller does not wait for the process") {
  const auto begin = std::chrono::steady_clock::now();
  io::task_group group(rt.context().get_executor());
  group.spawn(run_for_long(rt));
  co_await turns();
  group.cancel();
  co_await group.join();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}
