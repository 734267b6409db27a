// Which system calls carry the data, seen from outside; and what happens where io_uring is refused.
// The environment names the programs: WALE_TEST_COPY_FILE, WALE_TEST_DENY_IO_URING.
#include "support/scratch_dir.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using wale::test::scratch_dir;

namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string program(const char* variable) {
  const char* const path = std::getenv(variable);
  REQUIRE(path != nullptr);
  return path;
}

struct run_result {
  int code;
  std::string output;
  std::string errors;
};

run_result run(const scratch_dir& dir, const std::string& engine, std::vector<std::string> words) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (engine.empty()) {
      ::unsetenv("WALE_IO");
    } else {
      ::setenv("WALE_IO", engine.c_str(), 1);
    }
    (void)!::freopen((dir / "out").c_str(), "w", stdout);
    (void)!::freopen((dir / "err").c_str(), "w", stderr);
    std::vector<char*> argv;
    for (std::string& w : words)
      argv.push_back(w.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return {
      WIFEXITED(status) ? WEXITSTATUS(status) : 128, read_all(dir / "out"), read_all(dir / "err")};
}

std::string sample() {
  std::string bytes(3'000'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 31 >> 7);
  return bytes;
}

// The system calls of a copy under strace, as lines, with descriptors shown as <path>.
std::string traced_copy(const scratch_dir& dir, const std::string& engine) {
  dir.write("from", sample());
  const std::string trace = dir / "trace";
  // LeakSanitizer cannot work beside strace: both need ptrace.
  const auto result =
      run(dir,
          engine,
          {"strace",
           "-E",
           "ASAN_OPTIONS=detect_leaks=0",
           "-f",
           "-y",
           "-o",
           trace,
           program("WALE_TEST_COPY_FILE"),
           dir / "from",
           dir / "to"});
  INFO(result.errors);
  REQUIRE(result.code == 0);
  REQUIRE(result.output == engine + "\n");
  REQUIRE(read_all(dir / "to") == sample());
  return read_all(trace);
}

// Names of the calls of `trace` that name one of the copied files as a descriptor.
std::set<std::string> calls_on_files(const std::string& trace, const scratch_dir& dir) {
  std::set<std::string> names;
  std::istringstream lines(trace);
  const std::regex call("^\\d+ +(\\w+)\\((\\d+)<([^>]*)>");
  for (std::string line; std::getline(lines, line);) {
    std::smatch m;
    if (!std::regex_search(line, m, call)) continue;
    if (m[3] == dir / "from" || m[3] == dir / "to") names.insert(m[1]);
  }
  return names;
}

} // namespace

TEST_CASE("with the ring no read, write or fsync call touches the files", "[ring]") {
  const scratch_dir dir;
  const std::string trace = traced_copy(dir, "ring");
  REQUIRE(trace.find("io_uring_enter(") != std::string::npos);
  for (const std::string& name : calls_on_files(trace, dir)) {
    CAPTURE(name);
    REQUIRE(name == "close");
  }
}

TEST_CASE("with threads there is no io_uring call") {
  const scratch_dir dir;
  const std::string trace = traced_copy(dir, "threads");
  REQUIRE(trace.find("io_uring") == std::string::npos);
  const auto names = calls_on_files(trace, dir);
  REQUIRE(names.contains("pread64"));
  REQUIRE(names.contains("pwrite64"));
  REQUIRE(names.contains("fsync"));
}

TEST_CASE("where io_uring is refused the same program works on threads, and says so once") {
  for (const std::string error : {"EPERM", "ENOSYS"}) {
    const scratch_dir dir;
    dir.write("from", sample());
    const std::string deny = program("WALE_TEST_DENY_IO_URING");
    const std::string copy = program("WALE_TEST_COPY_FILE");
    const auto result = run(dir, "", {deny, error, copy, dir / "from", dir / "to"});
    INFO(result.errors);
    REQUIRE(result.code == 0);
    REQUIRE(result.output == "threads\n");
    REQUIRE(read_all(dir / "to") == sample());
    const auto said = result.errors.find("using threads for file I/O");
    REQUIRE(said != std::string::npos);
    REQUIRE(result.errors.find("using threads for file I/O", said + 1) == std::string::npos);
    REQUIRE(result.errors.find("io_uring_setup: ") != std::string::npos);

    const auto forced = run(dir, "ring", {deny, error, copy, dir / "from", dir / "to2"});
    REQUIRE(forced.code == 1);
    REQUIRE(forced.errors.find("io_uring cannot be used here") != std::string::npos);
  }
}
