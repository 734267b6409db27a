// Packed trees are checked with the reader, with GNU tar and against the tree itself.
#include "stream_fixture.hpp"
#include "tar_fixture.hpp"

#include <wale/archive/pack.hpp>
#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <string>
#include <sys/resource.h>
#include <vector>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

namespace {

struct packed {
  std::string bytes;
  std::vector<std::size_t> blocks;
  pack_summary summary;
};

task<> pack_into(io::runtime& rt, pack_plan plan, std::size_t budget, packed& out) {
  io::block_budget share = co_await rt.blocks().reserve(budget);
  partition_packer packer(rt, std::move(share), std::move(plan));
  std::exception_ptr error;
  try {
    for (bool more = true; more;) {
      const io::block b = co_await packer.next();
      more = static_cast<bool>(b);
      if (!more) break;
      out.blocks.push_back(b.size());
      append(out.bytes, b);
    }
    const io::block after = co_await packer.next();
    CHECK_FALSE(after);
  } catch (...) {
    error = std::current_exception();
  }
  co_await packer.close();
  out.summary = packer.summary();
  if (error) std::rethrow_exception(error);
}

packed pack(pack_plan plan, std::size_t budget = 6) {
  packed out;
  run_task([&](io::runtime& rt) { return pack_into(rt, std::move(plan), budget, out); });
  return out;
}

pack_plan plan_of(const std::string& tree) {
  pack_plan plan;
  plan.entries = scan(tree);
  return plan;
}

failure failure_of(pack_plan plan) {
  try {
    pack(std::move(plan));
  } catch (const failure& f) {
    return f;
  }
  FAIL("it was packed");
  throw std::logic_error("not reached");
}

std::size_t open_descriptors() {
  std::size_t n = 0;
  for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator("/proc/self/fd"))
    ++n;
  return n;
}

} // namespace

TEST_CASE("GNU tar and Python unpack a packed tree", "[peer]") {
  scratch dir;
  scratch restored;
  make_tree(dir.path());
  const std::size_t budget = GENERATE(1, 2, 16);
  const packed p = pack(plan_of(dir.path()), budget);
  CHECK(p.bytes.size() % 10'240 == 0);
  for (std::size_t i = 0; i + 1 < p.blocks.size(); ++i)
    CHECK(p.blocks[i] == 256 * 1024);
  CHECK(p.summary.vanished.empty());
  CHECK(p.summary.padded == 0);
  CHECK(p.summary.members == scan(dir.path()).size());
  std::uint64_t sizes = 0;
  for (const parsed_member& m : parse(p.bytes))
    sizes += m.member.size;
  CHECK(p.summary.file_bytes == sizes);
  spit(restored.path() + ".tar", p.bytes);
  // GNU tar takes the root's name for a mistake and says so.
  shell(restored.path(), "tar xpPf \"$D.tar\" --transform='s,^/$,./,' --delay-directory-restore");
  CHECK(tree_difference(restored.path(), dir.path()) == "");
  shell(
      restored.path(),
      "python3 -c 'import tarfile; assert len(tarfile.open(\"'$D'.tar\").getmembers()) == " +
          std::to_string(p.summary.members) + "'; rm \"$D.tar\"");
}

TEST_CASE("owners are stored with number and name", "[io]") {
  scratch dir;
  spit(dir / "f", "x");
  pack_plan plan = plan_of(dir.path());
  for (tree_entry& e : plan.entries)
    e.uid = 0, e.gid = 0;
  plan.entries.back().uid = 3'999'999'999;
  const auto members = parse(pack(plan).bytes);
  REQUIRE(members.size() == 2);
  CHECK(members[0].member.user == "root");
  CHECK(members[0].member.group == "root");
  CHECK(members[1].member.uid == 3'999'999'999);
  CHECK(members[1].member.user.empty());
}

TEST_CASE("a file that is gone is left out and noted", "[io]") {
  scratch dir;
  shell(dir.path(), "mkdir d; for i in 1 2 3 4; do echo $i > $i; echo $i > d/$i; done");
  const pack_plan plan = plan_of(dir.path());
  shell(dir.path(), "rm 1 3 d/*; rmdir d; echo > d; rm 4");
  const packed p = pack(plan);
  CHECK(p.summary.vanished == std::vector<std::string>{"1", "3", "4", "d/1", "d/2", "d/3", "d/4"});
  const auto members = parse(p.bytes);
  REQUIRE(members.size() == 3);
  CHECK(members[1].member.name == "2");
  CHECK(members[1].body == "2\n");
  CHECK(members[2].member.name == "d");
  CHECK(p.summary.members == 3);
}

TEST_CASE("only vanished files make an empty archive", "[io]") {
  scratch dir;
  spit(dir / "f", "x");
  pack_plan plan;
  plan.entries = {scan(dir.path()).back()};
  shell(dir.path(), "rm f");
  CHECK(pack(plan).bytes == std::string(10'240, '\0'));
  CHECK(pack({}).bytes == std::string(10'240, '\0'));
}

TEST_CASE("a file keeps its planned size", "[io]") {
  scratch dir;
  const std::string noise = shell(dir.path(), "head -c 700000 /dev/urandom | base64 -w0");
  for (const char* name : {"grown", "shrunk", "tiny", "gone to nothing"})
    spit(dir / name, noise);
  const pack_plan plan = plan_of(dir.path());
  spit(dir / "grown", noise + "more");
  spit(dir / "shrunk", noise.substr(0, 300'000));
  spit(dir / "tiny", noise.substr(0, 1));
  spit(dir / "gone to nothing", "");
  const packed p = pack(plan);
  const auto members = parse(p.bytes);
  REQUIRE(members.size() == 5);
  const auto zeros = [&](std::size_t kept) { return std::string(noise.size() - kept, '\0'); };
  CHECK((members[1].body == zeros(0)));
  CHECK((members[2].body == noise));
  CHECK((members[3].body == noise.substr(0, 300'000) + zeros(300'000)));
  CHECK((members[4].body == noise.substr(0, 1) + zeros(1)));
  CHECK(p.summary.padded == 3);
  CHECK(p.summary.file_bytes == 4 * noise.size());
}

TEST_CASE("a file that no WAL mends has the size with which it is opened", "[io]") {
  scratch dir;
  for (const char* name : {"grown", "shrunk", "was empty"})
    spit(dir / name, std::string_view(name) == "was empty" ? "" : "what it was");
  pack_plan plan = plan_of(dir.path());
  for (tree_entry& e : plan.entries)
    e.is_sized_when_opened = e.type == tree_entry::kind::file;
  spit(dir / "grown", "what it was, and more");
  spit(dir / "shrunk", "less");
  spit(dir / "was empty", "no longer");
  const packed p = pack(plan);
  const auto members = parse(p.bytes);
  REQUIRE(members.size() == 4);
  CHECK(members[1].body == "what it was, and more");
  CHECK(members[2].body == "less");
  CHECK(members[3].body == "no longer");
  CHECK(p.summary.padded == 0);
  CHECK(p.summary.file_bytes == 34);
}

TEST_CASE("the second name becomes a link only if it still is one", "[io]") {
  scratch dir;
  shell(dir.path(), "echo a > a; ln a b; ln a c; echo x > x; ln x y");
  const pack_plan plan = plan_of(dir.path());
  // c is replaced, x is gone: y must carry the bytes.
  shell(dir.path(), "rm c x; echo C > c");
  const packed p = pack(plan);
  const auto members = parse(p.bytes);
  REQUIRE(members.size() == 5);
  CHECK(members[2].member.type == tar_member::kind::hard_link);
  CHECK(members[2].member.link_target == "a");
  CHECK(members[3].member.type == tar_member::kind::file);
  CHECK(members[3].body == "C\n");
  CHECK(members[4].member.name == "y");
  CHECK(members[4].body == "x\n");
  CHECK(p.summary.file_bytes == 6);
}

TEST_CASE("members from memory come last", "[io]") {
  scratch dir;
  spit(dir / "f", "file");
  pack_plan plan = plan_of(dir.path());
  plan.tail.resize(2);
  plan.tail[0].name = "backup_label";
  plan.tail[0].bytes = std::string(600'000, 'l');
  plan.tail[0].mtime_ns = 1'500'000'000;
  plan.tail[0].uid = plan.entries[0].uid;
  plan.tail[0].gid = plan.entries[0].gid;
  plan.tail[1].name = "global/pg_control";
  const auto members = parse(pack(plan).bytes);
  REQUIRE(members.size() == 4);
  CHECK(members[2].member.name == "backup_label");
  CHECK(members[2].member.mode == 0600);
  CHECK(members[2].member.mtime_ns == 1'500'000'000);
  CHECK((members[2].body == std::string(600'000, 'l')));
  CHECK(members[3].member.name == "global/pg_control");
  CHECK(members[3].body.empty());
}

TEST_CASE("what cannot be read fails and is named", "[io]") {
  scratch dir;
  spit(dir / "f", "file");
  pack_plan plan;
  plan.entries = {scan(dir.path()).back()};
  std::string path = dir / "f";
  SECTION("an I/O error") {
    path = plan.entries[0].path = "/proc/self/mem"; // EIO at offset 0
    CHECK(failure_of(plan).error_number() == EIO);
  }
  SECTION("a link has taken its place") {
    shell(dir.path(), "rm f; ln -s /etc/passwd f");
    CHECK(failure_of(plan).error_number() == ELOOP);
  }
  SECTION("a fifo has taken its place") {
    shell(dir.path(), "rm f; mkfifo f");
    CHECK(failure_of(plan).why() == kind::unavailable);
  }
  SECTION("a directory has taken its place") {
    shell(dir.path(), "rm f; mkdir f");
    CHECK(failure_of(plan).why() == kind::unavailable);
  }
  CHECK_THAT(failure_of(plan).text().detail, Catch::Contains(path));
}

TEST_CASE("a failure is told however much is read ahead", "[io]") {
  scratch dir;
  shell(dir.path(), "for i in $(seq 500); do head -c 9000 /dev/zero > $(printf %03d $i); done");
  pack_plan plan = plan_of(dir.path());
  plan.entries[GENERATE(1, 250, 499)].path = "/proc/self/mem";
  const std::size_t before = open_descriptors();
  CHECK(failure_of(plan).error_number() == EIO);
  CHECK(open_descriptors() == before);
}

namespace {

task<std::size_t> allow(std::size_t& sum, std::size_t n) {
  sum += n;
  co_return n;
}

} // namespace

TEST_CASE("the gate sees each byte that is read, and is obeyed", "[io]") {
  scratch dir;
  make_tree(dir.path());
  spit(dir / "large", std::string(3 * io::block::payload + 17, 'l'));
  std::size_t sum = 0;
  std::size_t most = 0;
  pack_plan plan = plan_of(dir.path());
  const packed expected = pack(plan);
  const std::size_t portion = GENERATE(100, 30'000, 1'000'000);
  plan.gate = [&, portion](std::size_t n) {
    most = std::max(most, n);
    return allow(sum, std::min(n, portion));
  };
  const packed p = pack(plan);
  CHECK((p.bytes == expected.bytes));
  CHECK(sum == p.summary.file_bytes);
  CHECK(most == io::block::payload);
}

namespace {

task<> leave_early(io::runtime& rt, pack_plan plan, std::size_t blocks) {
  io::block_budget share = co_await rt.blocks().reserve(8);
  partition_packer packer(rt, std::move(share), std::move(plan));
  for (std::size_t i = 0; i < blocks; ++i) {
    const io::block b = co_await packer.next();
    CHECK(b);
  }
  co_await packer.close();
  co_await packer.close();
}

task<> read_and_close(io::source& from, bool& interrupted) {
  try {
    co_await read_all(from);
  } catch (const failure& f) {
    interrupted = f.why() == kind::interrupted;
  }
  co_await from.close();
}

task<std::size_t> never_allow(io::event& e, bool& reached) {
  reached = true;
  co_await e.wait();
  co_return 0;
}

/// Cancels the reader while the packer waits at its gate.
task<> cancel_reader(io::runtime& rt, pack_plan plan, bool& interrupted) {
  io::event never;
  bool reached = false;
  std::size_t passed = 0;
  std::size_t bytes = 0;
  plan.gate = [&](std::size_t n) {
    return ++passed < 4 ? allow(bytes, n) : never_allow(never, reached);
  };
  io::block_budget share = co_await rt.blocks().reserve(8);
  partition_packer packer(rt, std::move(share), std::move(plan));
  io::task_group group(rt.context().get_executor());
  group.spawn(read_and_close(packer, interrupted));
  while (!reached)
    co_await rt.sleep(std::chrono::microseconds(100));
  group.cancel();
  co_await group.join();
}

} // namespace

TEST_CASE("a packer may be closed at any time", "[io]") {
  scratch dir;
  make_tree(dir.path());
  const std::size_t before = open_descriptors();
  for (std::size_t blocks : {0, 1, 2, 5})
    run_task([&](io::runtime& rt) { return leave_early(rt, plan_of(dir.path()), blocks); });
  bool interrupted = false;
  run_task([&](io::runtime& rt) { return cancel_reader(rt, plan_of(dir.path()), interrupted); });
  CHECK(interrupted);
  CHECK(open_descriptors() == before);
}

TEST_CASE("thousands of small files need few descriptors", "[io]") {
  scratch dir;
  shell(dir.path(), "mkdir t; cd t; for i in $(seq 3000); do echo $i > $i; done");
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  const rlimit narrow{256, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &narrow) == 0);
  const packed p = pack(plan_of(dir.path()), 8);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(parse(p.bytes).size() == 3002);
}
