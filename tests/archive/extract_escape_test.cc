// Hostile archives: each is refused with its reason, and nothing outside the target has changed.
// All of it twice, the second time on a kernel that seems to lack openat2.
#include "extract_fixture.hpp"

#include <catch2/catch.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

namespace {

using type = tar_member::kind;

/// From now on openat2 answers ENOSYS to this thread and those it starts.
bool deny_openat2() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// Extraction with or without openat2; the failure, if there was one.
std::exception_ptr
try_extract(const std::string& bytes, const extract_options& options, bool old_kernel) {
  std::exception_ptr error;
  bool denied = !old_kernel;
  const auto body = [&] {
    try {
      denied = denied || deny_openat2();
      extracted out;
      run_task([&](io::runtime& rt) { return extract_into(rt, bytes, 262144, options, out); });
      make_late_links(options, out.names, out.summary.late_links);
    } catch (...) {
      error = std::current_exception();
    }
  };
  std::thread(body).join();
  REQUIRE(denied);
  return error;
}

struct trick {
  const char* name;
  std::vector<parsed_member> members;
  const char* told; ///< in MSG or DETAIL
};

parsed_member device() {
  parsed_member m = link_member(type::device, "null", "");
  m.member.mode = 0666;
  return m;
}

std::vector<trick> tricks(const std::string& outside) {
  const std::string large(900'000, 'x');
  return {
      {"absolute", {file_member(outside + "/new", "x")}, "absolute"},
      {"absolute directory", {directory_member(outside + "/new")}, "absolute"},
      {"up", {file_member("../outside/new", "x")}, "\"..\""},
      {"up in the middle", {file_member("a/../../outside/new", "x")}, "\"..\""},
      {"up at the end", {directory_member("a/..")}, "\"..\""},
      {"up, large", {file_member("../outside/new", large)}, "\"..\""},
      {"up, link", {link_member(type::symlink, "../outside/new", "x")}, "\"..\""},
      {"up, fifo", {link_member(type::fifo, "../outside/new", "")}, "\"..\""},
      {"link, then file",
       {link_member(type::symlink, "a", outside), file_member("a/new", "x")},
       "symbolic link"},
      {"link, then large file",
       {link_member(type::symlink, "a", outside), file_member("a/new", large)},
       "symbolic link"},
      {"relative link, then file",
       {link_member(type::symlink, "a", "../outside"), file_member("a/b/new", "x")},
       "symbolic link"},
      {"link, then directory",
       {link_member(type::symlink, "a", outside), directory_member("a", 0777)},
       "symbolic link"},
      {"link, then directory below",
       {link_member(type::symlink, "a", outside), directory_member("a/new")},
       "symbolic link"},
      {"link, then fifo",
       {link_member(type::symlink, "a", outside), link_member(type::fifo, "a/new", "")},
       "symbolic link"},
      {"link, then link",
       {link_member(type::symlink, "a", outside), link_member(type::symlink, "a/new", "x")},
       "symbolic link"},
      {"link to a link",
       {link_member(type::symlink, "a", "b"),
        link_member(type::symlink, "b", outside),
        file_member("a/new", "x")},
       "symbolic link"},
      {"directory that becomes a link",
       {directory_member("a"), link_member(type::symlink, "a", outside)},
       "symbolic link"},
      {"hard link up", {link_member(type::hard_link, "a", "../outside/secret")}, "\"..\""},
      {"hard link, absolute", {link_member(type::hard_link, "a", outside + "/secret")}, "absolute"},
      {"hard link through a link",
       {link_member(type::symlink, "l", outside), link_member(type::hard_link, "a", "l/secret")},
       "not extracted"},
      {"hard link to the operator's file",
       {link_member(type::hard_link, "a", "present")},
       "not extracted"},
      {"hard link into a link",
       {link_member(type::symlink, "l", outside),
        file_member("f", "x"),
        link_member(type::hard_link, "l/new", "f")},
       "symbolic link"},
      {"device", {device()}, "device node"},
      {"no name", {file_member(".", "x")}, "no name"},
      {"the target as a link", {link_member(type::symlink, "./", outside)}, "no name"},
      {"full directory in the way", {file_member("a/b", "x"), file_member("a", "x")}, "not empty"},
      {"file in the way", {file_member("a", "x"), directory_member("a")}, "in the way"},
  };
}

} // namespace

TEST_CASE("nothing an archive says leads outside the target", "[io]") {
  const bool old_kernel = GENERATE(false, true);
  scratch dir;
  shell(dir.path(), "mkdir outside; echo secret > outside/secret; touch -d @5 outside/* outside");
  const std::string before = tree_text(dir / "outside");
  for (const trick& t : tricks(dir / "outside")) {
    shell(dir.path(), "mkdir target; echo mine > target/present");
    extract_options options;
    options.target = dir / "target";
    INFO(t.name << (old_kernel ? ", without openat2" : ""));
    const std::exception_ptr error = try_extract(make_archive(t.members), options, old_kernel);
    REQUIRE(error != nullptr);
    try {
      std::rethrow_exception(error);
    } catch (const failure& f) {
      INFO(f.text().msg << " / " << f.text().detail);
      CHECK(f.why() == kind::refused);
      CHECK_THAT(f.text().msg + " " + f.text().detail, Catch::Contains(t.told));
    }
    CHECK(tree_text(dir / "outside") == before);
    CHECK(slurp(dir / "target/present") == "mine\n");
    shell(dir.path(), "rm -r target");
  }
}

TEST_CASE("links that point outside are harmless until somebody follows them", "[io]") {
  const bool old_kernel = GENERATE(false, true);
  scratch dir;
  shell(
      dir.path(),
      "mkdir outside target; echo secret > outside/secret; touch -d @5 outside/* outside");
  const std::string before = tree_text(dir / "outside");
  extract_options options;
  options.target = dir / "target";
  const std::string secret = dir / "outside/secret";
  const auto error = try_extract(
      make_archive(
          {link_member(type::symlink, "file", secret),
           link_member(type::hard_link, "same", "file"),
           file_member("file", "replaced"),
           link_member(type::symlink, "big", secret),
           file_member("big", std::string(700'000, 'b')),
           link_member(type::symlink, "pipe", secret),
           link_member(type::fifo, "pipe", ""),
           link_member(type::symlink, "held", dir / "outside")}),
      options,
      old_kernel);
  REQUIRE(error == nullptr);
  CHECK(tree_text(dir / "outside") == before);
  CHECK(slurp(dir / "target/file") == "replaced");
  CHECK(
      shell(dir / "target", "readlink same held; stat -c %F pipe big") ==
      secret + "\n" + (dir / "outside") + "\nfifo\nregular file\n");
}

TEST_CASE("links in the target that are not listed are not followed", "[io]") {
  const bool old_kernel = GENERATE(false, true);
  scratch dir;
  shell(dir.path(), "mkdir outside target; ln -s ../outside target/pg_wal; touch -d @5 outside");
  const std::string before = tree_text(dir / "outside");
  extract_options options;
  options.target = dir / "target";
  for (const parsed_member& m : {directory_member("pg_wal"), file_member("pg_wal/x", "x")})
    CHECK(try_extract(make_archive({m}), options, old_kernel) != nullptr);
  CHECK(tree_text(dir / "outside") == before);
  options.followed = {"pg_wal"};
  CHECK(
      try_extract(
          make_archive({directory_member("pg_wal"), file_member("pg_wal/a/b/x", "x")}),
          options,
          old_kernel) == nullptr);
  CHECK(slurp(dir / "outside/a/b/x") == "x");
  // Below a listed link the rules are the same.
  shell(dir.path(), "ln -s / outside/root");
  CHECK(
      try_extract(make_archive({file_member("pg_wal/root/tmp/x", "x")}), options, old_kernel) !=
      nullptr);
}
