// Archives come from GNU tar, Python's tarfile, WAL-E 1.1.1 and our own packer; what was extracted
// is compared with the tree they were made from, or with what GNU tar makes of them.
#include "extract_fixture.hpp"

#include <wale/archive/pack.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <unistd.h>
#include <vector>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

namespace {

task<> round_trip(io::runtime& rt, std::vector<tree_entry> entries, extract_options options) {
  io::block_budget share = co_await rt.blocks().reserve(12);
  pack_plan plan;
  plan.entries = std::move(entries);
  partition_packer packer(rt, std::move(share), std::move(plan));
  restored_names names;
  directory_turns turns;
  const extract_summary s = co_await extract(rt, packer, std::move(options), names, turns);
  co_await packer.close();
  CHECK(s.members == packer.summary().members);
  CHECK(s.file_bytes == packer.summary().file_bytes);
}

} // namespace

TEST_CASE("a packed tree is extracted as it was", "[io]") {
  scratch from;
  scratch to;
  make_tree(from.path());
  extract_options options;
  options.target = to.path();
  options.sync = GENERATE(false, true);
  options.blocks_in_flight = GENERATE(1, 8);
  run_task([&](io::runtime& rt) { return round_trip(rt, scan(from.path()), options); });
  CHECK(tree_difference(to.path(), from.path()) == "");
}

TEST_CASE("archives of GNU tar and Python are extracted as they were packed", "[peer]") {
  scratch dir;
  shell(dir.path(), "mkdir from to");
  make_tree(dir / "from");
  // Before 1970, and with names of this length, only these forms can tell.
  const std::string make = GENERATE(
      as<std::string>(),
      "tar cf a.tar --format=gnu -C from .",
      "tar cf a.tar --format=oldgnu -C from .",
      "tar cf a.tar --format=posix -C from .",
      "cd from; python3 -c 'import tarfile as t; a=t.open(\"../a.tar\",\"w\",format=t.GNU_FORMAT);"
      "a.add(\".\"); a.close()'",
      "cd from; python3 -m tarfile -c ../a.tar .");
  INFO(make);
  const bool exact = make.find("posix") != make.npos;
  if (!exact) shell(dir / "from", "find . -depth -exec touch -h -d '2022-03-04 05:06:07 UTC' {} +");
  if (make.find("ls -A") != make.npos)
    shell(dir.path(), "chmod --reference=to from; touch -d @9 from to");
  shell(dir.path(), make);
  const std::size_t piece = GENERATE(500, 65536, 262144);
  extract_options options;
  options.target = dir / "to";
  extract_bytes(slurp(dir / "a.tar"), options, piece);
  CHECK(tree_difference(dir / "to", dir / "from") == "");
}

TEST_CASE("v7 and ustar archives are extracted", "[peer]") {
  scratch dir;
  shell(
      dir.path(),
      "mkdir -p from/a/b to; echo 1 > from/a/one; ln from/a/one from/a/two;"
      "ln -s a from/link; head -c 5000000 /dev/urandom > from/a/b/large;"
      "find from -depth -exec touch -h -d @1600000000 {} +");
  const std::string format = GENERATE(as<std::string>(), "v7", "ustar");
  shell(dir.path(), "tar cf a.tar --format=" + format + " -C from .");
  extract_options options;
  options.target = dir / "to";
  extract_bytes(slurp(dir / "a.tar"), options);
  CHECK(tree_difference(dir / "to", dir / "from") == "");
}

TEST_CASE("a partition that WAL-E made is extracted as by GNU tar", "[peer]") {
  const char* data = std::getenv("WALE_TEST_DATA");
  REQUIRE(data != nullptr);
  scratch dir;
  shell(
      dir.path(),
      "lzop -dc < '" + std::string(data) +
          "'/wal-e-store/prefix/basebackups_005/base_*/tar_partitions/part_00000000.tar.lzo > "
          "a.tar;"
          "mkdir ours theirs; tar xpPf a.tar -C theirs --transform='s,^/$,./,' 2>&1");
  extract_options options;
  options.target = dir / "ours";
  const extracted e = extract_bytes(slurp(dir / "a.tar"), options);
  // WAL-E packs a tablespace's files without the directories above them.
  const std::string above = "for t in ours theirs; do for d in 16384 16384/PG_13_202007201 "
                            "16384/PG_13_202007201/13383; do "
                            "chmod 0700 $t/pg_tblspc/$d; touch -d @1 $t/pg_tblspc/$d; done; done";
  shell(dir.path(), above);
  CHECK(tree_difference(dir / "ours", dir / "theirs") == "");
  CHECK(e.names.contains("global/pg_control"));
  CHECK(std::filesystem::exists(dir / "ours/global/pg_control"));
  CHECK(std::to_string(e.names.size() + 2) + "\n" == shell(dir.path(), "find theirs | wc -l"));
}

TEST_CASE("every cut of an archive is noticed", "[io]") {
  scratch dir;
  const std::string whole =
      make_archive({directory_member("d"), file_member("d/a", "hello"), file_member("b", "")});
  const std::size_t end = whole.find_last_not_of('\0') / 512 * 512 + 512 + 1024;
  extract_options options;
  options.target = dir.path();
  // Inside a header any byte is like any other.
  for (std::size_t cut = 0; cut < end; cut += cut % 512 < 8 ? 1 : 63) {
    INFO(cut);
    const failure f = failure_of(whole.substr(0, cut), options);
    CHECK(f.why() == kind::corrupt);
  }
  CHECK_NOTHROW(extract_bytes(whole, options));
}

TEST_CASE("an attempt that was cut off is mended by the next", "[io]") {
  scratch from;
  scratch to;
  make_tree(from.path());
  shell(from.path(), "tar cf \"$D.tar\" --format=posix -C \"$D\" .");
  const std::string archive = slurp(from.path() + ".tar");
  extract_options options;
  options.target = to.path();
  extracted e;
  for (std::size_t cut : {1'000'000ul, 3'200'000ul, archive.size() - 20'000}) {
    const failure f = failure_of(archive.substr(0, cut), options, &e);
    CHECK(f.why() == kind::corrupt);
  }
  extract_bytes(archive, options, 262144, &e);
  CHECK(tree_difference(to.path(), from.path()) == "");
  std::filesystem::remove(from.path() + ".tar");
}

TEST_CASE("a name that occurs twice has the last one's content", "[io]") {
  scratch dir;
  const std::string archive = make_archive(
      {file_member("a", "1"),
       file_member("a", std::string(600'000, '2')),
       link_member(tar_member::kind::symlink, "a", "/etc/passwd"),
       file_member("a", "3"),
       link_member(tar_member::kind::hard_link, "b", "a"),
       file_member("b", "4")});
  extract_options options;
  options.target = dir.path();
  extract_bytes(archive, options);
  CHECK(slurp(dir / "a") == "3");
  CHECK(slurp(dir / "b") == "4");
}

TEST_CASE("missing directories are made", "[io]") {
  scratch dir;
  extract_options options;
  options.target = dir.path();
  extract_bytes(
      make_archive(
          {file_member("x/y/z", "1"), file_member("./x//w", "2"), directory_member("x", 0750)}),
      options);
  CHECK(slurp(dir / "x/y/z") == "1");
  CHECK(slurp(dir / "x/w") == "2");
  CHECK(shell(dir.path(), "stat -c %a x x/y") == "750\n700\n");
}

TEST_CASE("members can be held under another name", "[io]") {
  scratch dir;
  extract_options options;
  options.target = dir.path();
  options.held["global/pg_control"] = "global/.wal-e-pg_control";
  const extracted e = extract_bytes(
      make_archive(
          {directory_member("global"),
           file_member("global/pg_control", "control"),
           link_member(tar_member::kind::hard_link, "other", "global/pg_control")}),
      options);
  CHECK(slurp(dir / "global/.wal-e-pg_control") == "control");
  CHECK(slurp(dir / "other") == "control");
  CHECK_FALSE(std::filesystem::exists(dir / "global/pg_control"));
  CHECK(e.summary.held.at("global/pg_control") == 1);
  CHECK(e.names.contains("global/pg_control"));
}

// WAL-E looks for hard links over all of its volumes (wal_e/tar_partition.py, _segmentation_guts),
// and a restore extracts several volumes at once.
TEST_CASE("a hard link to a member of another archive is made at the end", "[io]") {
  scratch dir;
  extract_options options;
  options.target = dir.path();
  options.held["global/pg_control"] = "global/.wal-e-pg_control";
  options.sync = true;
  extracted all;
  std::vector<late_link> links;
  for (const std::string& archive :
       {make_archive(
            {link_member(tar_member::kind::hard_link, "new/16384", "old/16384"),
             link_member(tar_member::kind::hard_link, "control", "global/pg_control"),
             file_member("first", "1"),
             link_member(tar_member::kind::hard_link, "second", "first")}),
        make_archive({file_member("old/16384", "rows"), file_member("global/pg_control", "c")})}) {
    run_task([&](io::runtime& rt) { return extract_into(rt, archive, 262144, options, all); });
    links.insert(links.end(), all.summary.late_links.begin(), all.summary.late_links.end());
  }
  CHECK(links.size() == 2);
  make_late_links(options, all.names, links);
  CHECK(slurp(dir / "new/16384") == "rows");
  CHECK(slurp(dir / "control") == "c");
  CHECK(shell(dir.path(), "stat -c %h new/16384 old/16384 second control") == "2\n2\n2\n2\n");
}

TEST_CASE("what the operator placed is kept, but not what an earlier attempt left", "[io]") {
  scratch dir;
  spit(dir / "postgresql.conf", "mine");
  extract_options options;
  options.target = dir.path();
  options.kept = {"postgresql.conf", "pg_hba.conf"};
  const std::string archive = make_archive(
      {file_member("postgresql.conf", std::string(300'000, 't')),
       file_member("pg_hba.conf", "theirs")});
  extracted e;
  for (int attempt = 0; attempt < 2; ++attempt) {
    e.summary = {};
    extract_bytes(archive, options, 262144, &e);
    CHECK(e.summary.kept == std::vector<std::string>{"postgresql.conf"});
    CHECK(slurp(dir / "postgresql.conf") == "mine");
    CHECK(slurp(dir / "pg_hba.conf") == "theirs");
  }
}

TEST_CASE("a second name of what the operator placed is one of theirs", "[io]") {
  scratch dir;
  spit(dir / "pg_hba.conf", "mine");
  extract_options options;
  options.target = dir.path();
  options.kept = {"pg_hba.conf"};
  extract_bytes(
      make_archive(
          {file_member("pg_hba.conf", "theirs"),
           link_member(tar_member::kind::hard_link, "pg_hba.conf.old", "pg_hba.conf")}),
      options);
  CHECK(slurp(dir / "pg_hba.conf") == "mine");
  CHECK(slurp(dir / "pg_hba.conf.old") == "mine");
}

TEST_CASE("what the operator placed is kept, whatever the archive has under its name", "[io]") {
  scratch dir;
  spit(dir / "pg_hba.conf", "mine");
  spit(dir / "pg_ident.conf", "mine, too");
  extract_options options;
  options.target = dir.path();
  options.kept = {"pg_hba.conf", "pg_ident.conf"};
  extracted e;
  extract_bytes(
      make_archive(
          {file_member("a", "theirs"),
           link_member(tar_member::kind::symlink, "pg_hba.conf", "/etc/pg_hba.conf"),
           link_member(tar_member::kind::hard_link, "pg_ident.conf", "a"),
           file_member("z", "theirs")}),
      options,
      262144,
      &e);
  CHECK(e.summary.kept == std::vector<std::string>{"pg_hba.conf", "pg_ident.conf"});
  CHECK(slurp(dir / "pg_hba.conf") == "mine");
  CHECK(slurp(dir / "pg_ident.conf") == "mine, too");
  CHECK(slurp(dir / "z") == "theirs");
}

TEST_CASE("listed links are followed and kept", "[io]") {
  scratch dir;
  shell(
      dir.path(),
      "mkdir -p to/pg_tblspc ts wal; ln -s \"$D/ts\" to/pg_tblspc/16384; ln -s ../wal to/pg_wal");
  extract_options options;
  options.target = dir / "to";
  options.followed = {"pg_tblspc/16384", "pg_wal"};
  options.links_as_directories = {"pg_log"};
  options.sync = true;
  extract_bytes(
      make_archive(
          {directory_member("pg_wal", 0700),
           link_member(tar_member::kind::symlink, "pg_log", "/var/log/postgresql"),
           directory_member("pg_tblspc/16384/PG_15/5"),
           file_member("pg_tblspc/16384/PG_15/5/1259", "rows"),
           file_member("pg_tblspc/16384/PG_15/large", std::string(2'000'000, 'l')),
           link_member(
               tar_member::kind::hard_link,
               "pg_tblspc/16384/PG_15/5/link",
               "pg_tblspc/16384/PG_15/5/1259"),
           file_member("pg_wal/000000010000000000000001", "wal")}),
      options);
  CHECK(slurp(dir / "ts/PG_15/5/1259") == "rows");
  CHECK(slurp(dir / "ts/PG_15/5/link") == "rows");
  CHECK(slurp(dir / "ts/PG_15/large").size() == 2'000'000);
  CHECK(slurp(dir / "wal/000000010000000000000001") == "wal");
  CHECK(
      shell(dir / "to", "find . -type l | sort; stat -c '%F %a' pg_log") ==
      "./pg_tblspc/16384\n./pg_wal\ndirectory 700\n");
}

TEST_CASE("a set-id bit of a file is dropped, a directory keeps its bits", "[io]") {
  scratch dir;
  extract_options options;
  options.target = dir.path();
  extract_bytes(
      make_archive({file_member("f", "x", 06777), directory_member("d", 03770)}), options);
  CHECK(shell(dir.path(), "stat -c %a f d") == "777\n3770\n");
}

TEST_CASE("root restores owners, by name where it exists", "[io]") {
  if (::geteuid() != 0) return; // others cannot give files away, so there is nothing to see
  scratch dir;
  parsed_member by_name = file_member("by name", "x");
  by_name.member.uid = 4711;
  by_name.member.user = "nobody";
  by_name.member.group = "no such group, surely";
  by_name.member.gid = 4712;
  parsed_member by_number = directory_member("by number");
  by_number.member.uid = 4713;
  by_number.member.gid = 4714;
  parsed_member link = link_member(tar_member::kind::symlink, "link", "/nowhere");
  link.member.uid = 4715;
  extract_options options;
  options.target = dir.path();
  extract_bytes(make_archive({by_name, by_number, link}), options);
  CHECK(shell(dir.path(), "stat -c '%U %g' 'by name'") == "nobody 4712\n");
  CHECK(shell(dir.path(), "stat -c '%u %g' 'by number' link") == "4713 4714\n4715 0\n");
}

TEST_CASE("no space is told as such", "[io]") {
  if (::geteuid() != 0) return; // only root can mount a file system this small
  scratch dir;
  shell(dir.path(), "mkdir small; mount -t tmpfs -o size=1m tmpfs small");
  const std::size_t size = GENERATE(100'000, 3'000'000);
  extract_options options;
  options.target = dir / "small";
  std::vector<parsed_member> members;
  for (int i = 0; i < 30; ++i)
    members.push_back(file_member(std::to_string(i), std::string(size, 'x')));
  const failure f = failure_of(make_archive(members), options);
  shell(dir.path(), "umount small");
  CHECK(f.why() == kind::no_space);
  CHECK(f.error_number() == ENOSPC);
}

namespace {

task<>
cancelled_extraction(io::runtime& rt, std::string bytes, std::string target, bool& interrupted) {
  io::block_budget share = co_await rt.blocks().reserve(6);
  source_log log;
  string_source source(
      std::move(share), std::move(bytes), 262144, log, string_source::ending::hang);
  restored_names names;
  directory_turns turns;
  extract_options options;
  options.target = std::move(target);
  io::task_group group(rt.context().get_executor());
  const auto part = [](io::runtime& r,
                       io::source& s,
                       extract_options o,
                       restored_names& n,
                       directory_turns& t,
                       bool& flag) -> task<> {
    try {
      co_await extract(r, s, std::move(o), n, t);
    } catch (const failure& f) {
      flag = f.why() == kind::interrupted;
    }
  };
  group.spawn(part(rt, source, options, names, turns, interrupted));
  co_await source.wait_until_hanging();
  group.cancel();
  co_await group.join();
}

} // namespace

TEST_CASE("cancelling an extraction leaves nothing in flight", "[io]") {
  scratch dir;
  const std::string archive =
      make_archive({file_member("a", "x"), file_member("b", std::string(3'000'000, 'y'))});
  bool interrupted = false;
  run_task([&](io::runtime& rt) {
    return cancelled_extraction(rt, archive.substr(0, 2'000'000), dir.path(), interrupted);
  });
  CHECK(interrupted);
}

namespace {

// The archives of two directories; somebody else creates files in the first one's all the while.
struct taking_turns {
  io::runtime& rt;
  std::string target;
  std::size_t size;
  restored_names names = {};
  directory_turns turns = {};
  bool first_waited = false;

  task<> extract_one(std::string name) {
    extract_options options;
    options.target = target;
    io::block_budget share = co_await rt.blocks().reserve(options.blocks_in_flight + 1);
    source_log log;
    std::string bytes = make_archive({file_member(name, std::string(size, 'x'))});
    string_source source(std::move(share), std::move(bytes), 262144, log);
    co_await extract(rt, source, std::move(options), names, turns);
  }

  task<> hold(std::string directory, std::shared_future<void> until) {
    auto wait = [&until] { until.wait(); };
    co_await rt.offload_in_order(turns.of(directory), wait);
  }

  task<> run() {
    std::string other = "b0";
    for (int i = 1; &turns.of(other) == &turns.of("a"); ++i)
      other = "b" + std::to_string(i);
    std::promise<void> enough;
    io::task_group group(rt.context().get_executor());
    group.spawn(hold("a", enough.get_future().share()));
    group.spawn(extract_one("a/file"));
    co_await extract_one(other + "/file");
    first_waited = !std::filesystem::exists(target + "/a/file");
    enough.set_value();
    co_await group.join();
  }
};

} // namespace

TEST_CASE(
    "files of one directory are created one after the other, also by two extractions", "[io]") {
  scratch dir;
  const std::size_t size = GENERATE(10, 3'000'000);
  bool first_waited = false;
  auto body = [&](io::runtime& rt) -> task<> {
    taking_turns t{rt, dir.path(), size};
    co_await t.run();
    first_waited = t.first_waited;
  };
  run_task(body);
  CHECK(first_waited);
  CHECK(std::filesystem::file_size(dir / "a/file") == size);
}
