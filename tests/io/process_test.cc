// Programs of the system at work for us.
#include "fixture.hpp"

#include <wale/io/process.hpp>

#include <cerrno>
#include <csignal>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;

namespace {

program_call shell(std::string line) {
  return {{"sh", "-c", std::move(line)}, {"PATH=/usr/bin:/bin", "MARK=here"}};
}

task<std::string> all_of(pipe_end& from) {
  std::string text;
  std::vector<std::byte> bytes(4096);
  while (true) {
    const std::size_t n = co_await from.read_some(bytes);
    if (n == 0) break;
    text.append(reinterpret_cast<const char*>(bytes.data()), n);
  }
  co_return text;
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

bool is_gone(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

task<> wait_for(child_process& child, program_end& end) {
  end = co_await child.wait();
}

} // namespace

WALE_IO_TEST("three streams and an exit code") {
  const program_call call = shell("cat; echo $MARK >&2; exit 7");
  child_process child(rt, call);
  const std::string text = "into it\n";
  co_await child.input().write(bytes_of(text));
  child.input().close();
  const std::string out = co_await all_of(child.output());
  const std::string err = co_await all_of(child.errors());
  const program_end end = co_await child.wait();
  const program_end again = co_await child.wait();
  CHECK(out == "into it\n");
  CHECK(err == "here\n");
  CHECK(end.exit_code == 7);
  CHECK(again.exit_code == 7);
  CHECK(::waitpid(-1, nullptr, WNOHANG) < 0);
}

namespace {

task<> feed(child_process& child, const std::vector<std::byte>& bytes) {
  co_await child.input().write(bytes);
  child.input().close();
}

} // namespace

WALE_IO_TEST("more than a pipe holds, in both directions") {
  const program_call call = shell("cat");
  child_process child(rt, call);
  const std::vector<std::byte> sent = patterned(5'000'000);
  std::vector<std::byte> got(sent.size() + 1);
  task_group group(rt.context().get_executor());
  group.spawn(feed(child, sent));
  const std::size_t n = co_await child.output().read_full(got);
  co_await group.join();
  co_await child.wait();
  got.resize(n);
  CHECK(got == sent);
}

WALE_IO_TEST("a program that is not there, and one that may not be run") {
  int absent = 0;
  int forbidden = 0;
  try {
    child_process child(rt, {{"/nonexistent/program"}, {}});
  } catch (const failure& f) {
    absent = f.error_number();
  }
  try {
    child_process child(rt, {{"/etc/passwd"}, {}});
  } catch (const failure& f) {
    forbidden = f.error_number();
  }
  CHECK(absent == ENOENT);
  CHECK(forbidden == EACCES);
  co_return;
}

WALE_IO_TEST("writing to a program that has ended is an error, not a signal") {
  const program_call call = shell("exit 0");
  child_process child(rt, call);
  co_await child.wait();
  const std::vector<std::byte> bytes(10);
  const std::exception_ptr error = co_await error_of(child.input().write(bytes));
  CHECK(failure_in(error).error_number() == EPIPE);
}

WALE_IO_TEST("waiting can be cancelled; killing tells the signal") {
  const program_call call = shell("exec sleep 1000");
  child_process child(rt, call);
  task_group group(rt.context().get_executor());
  program_end end;
  group.spawn(wait_for(child, end));
  co_await turns();
  group.cancel();
  co_await group.join();
  child.kill();
  end = co_await child.wait();
  CHECK(end.exit_code == -1);
  CHECK(end.signal == SIGKILL);
}

WALE_IO_TEST("reading can be cancelled, and the destructor leaves no process") {
  pid_t pid = 0;
  {
    const program_call call = shell("echo $$; exec sleep 1000");
    child_process child(rt, call);
    std::vector<std::byte> line(100);
    const std::size_t n = co_await child.output().read_some(line);
    pid = std::stoi(std::string(reinterpret_cast<const char*>(line.data()), n));
    task_group group(rt.context().get_executor());
    std::exception_ptr error;
    const auto read = [](pipe_end& from, std::exception_ptr& e) -> task<> {
      std::vector<std::byte> into(1);
      try {
        co_await from.read_some(into);
      } catch (...) {
        e = std::current_exception();
      }
    };
    group.spawn(read(child.output(), error));
    co_await turns();
    group.cancel();
    co_await group.join();
    CHECK(is_interruption(error));
    CHECK_FALSE(is_gone(pid));
  }
  CHECK(is_gone(pid));
}

WALE_IO_TEST("it has a session of its own, default signals, and three descriptors") {
  const int ours = ::open("/dev/zero", O_RDONLY); // inheritable
  ::signal(SIGUSR1, SIG_IGN);
  const program_call call = shell("ps -o sid= -p $$; echo $$; ls -x -w 1000 /proc/$$/fd; "
                                  "grep SigIgn /proc/$$/status");
  child_process child(rt, call);
  child.input().close();
  const std::string said = co_await all_of(child.output());
  co_await child.wait();
  ::signal(SIGUSR1, SIG_DFL);
  ::close(ours);
  std::istringstream words(said);
  std::string session, self, label, ignored;
  std::array<std::string, 3> descriptors;
  words >> session >> self >> descriptors[0] >> descriptors[1] >> descriptors[2] >> label >>
      ignored;
  CHECK(session == self);
  CHECK(descriptors == std::array<std::string, 3>{"0", "1", "2"});
  CHECK(label == "SigIgn:");
  // 32 and 33 are the C library's.
  CHECK((std::stoull(ignored, nullptr, 16) & 0x7fffffff) == 0);
}
