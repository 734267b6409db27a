// Failpoints: a program that counts its file operations and stops at one of them. Built with
// WALE_FAILPOINTS whatever the project's option says; the operations run in child processes.
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>
#include <wale/io/file.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/runtime.hpp>

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace wale;
using namespace wale::io;
using wale::test::scratch_dir;

namespace {

// Six operations: open, write, fsync, link, fsync of the directory, stat.
task<> publish(runtime& rt, std::string dir) {
  file f = co_await file::open(rt, dir + "/tmp", O_WRONLY | O_CREAT, 0600);
  const std::array<std::byte, 3> bytes{};
  co_await f.write_at(0, bytes);
  co_await f.sync();
  f.close();
  fs::rename_noreplace(dir + "/tmp", dir + "/done");
  fs::sync_directory(dir);
  const auto status = fs::status(dir + "/done");
  if (!status || status->st_size != 3) throw failure(kind::bug, "not what was written");
}

int run_publish(const std::string& dir) {
  try {
    runtime_options o;
    o.engine = engine_choice_from_environment();
    runtime rt(o);
    rt.run(publish(rt, dir));
    return 0;
  } catch (const failure& f) {
    if (f.why() == kind::no_space) return 28;
    return f.why() == kind::interrupted ? 15 : 1;
  }
}

struct outcome {
  int code; ///< exit code, or minus the signal
  std::string count;
};

outcome child(const scratch_dir& dir, const char* failpoint) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (failpoint) ::setenv("WALE_FAILPOINT", failpoint, 1);
    ::setenv("WALE_FAILPOINT_COUNT", (dir / "count").c_str(), 1);
    std::quick_exit(run_publish(dir.path())); // as a command ends
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  std::ifstream in(dir / "count");
  std::string count;
  std::getline(in, count);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), count};
}

} // namespace

TEST_CASE("the operations are counted") {
  const scratch_dir dir;
  const auto all = child(dir, nullptr);
  REQUIRE(all.code == 0);
  REQUIRE(all.count == "6");
}

TEST_CASE("kill stops at the operation, before it is done") {
  for (int n = 1; n <= 6; ++n) {
    const scratch_dir dir;
    REQUIRE(child(dir, ("kill:" + std::to_string(n)).c_str()).code == -SIGKILL);
    // Not through fs: it would count in this process.
    CHECK(std::filesystem::exists(dir / "tmp") == (n >= 2 && n <= 4));
    CHECK(std::filesystem::exists(dir / "done") == (n >= 5));
  }
  const scratch_dir dir;
  REQUIRE(child(dir, "kill:7").code == 0);
}

TEST_CASE("term is a signal like any other") {
  for (int n = 1; n <= 3; ++n) {
    const scratch_dir dir;
    const int code = child(dir, ("term:" + std::to_string(n)).c_str()).code;
    CHECK((code == 15 || code == 0));
  }
}

TEST_CASE("enospc fails the operation") {
  for (int n = 1; n <= 6; ++n) {
    const scratch_dir dir;
    REQUIRE(child(dir, ("enospc:" + std::to_string(n)).c_str()).code == 28);
  }
}
