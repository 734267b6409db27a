// Expected values come from GNU tar 1.34 and Python's tarfile.
#include "tar_fixture.hpp"

#include <wale/archive/tar.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <sys/stat.h>
#include <vector>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

namespace {

using type = tar_member::kind;

std::string header_of(const tar_member& m) {
  std::string out;
  append_tar_header(out, m);
  CHECK(out.size() % tar_unit == 0);
  return out;
}

} // namespace

TEST_CASE("headers are those of Python's tarfile, byte for byte", "[peer]") {
  scratch dir;
  shell(dir.path(), R"(python3 - <<'END'
import tarfile
def info(name, **more):
    t = tarfile.TarInfo(name)
    t.uid, t.gid, t.uname, t.gname, t.mode, t.mtime = 101, 104, 'postgres', 'root', 0o700, 1795200071.25
    for k, v in more.items(): setattr(t, k, v)
    return t
# Python leaves devmajor and devminor NUL for everything but devices only in newer versions.
def norm(b):
    b = bytearray(b)
    for i in range(0, len(b), 512):
        if b[i+257:i+262] == b'ustar' and not any(b[i+345:i+512]):
            b[i+329:i+345] = bytes(16)
            b[i+148:i+156] = b' ' * 8
            b[i+148:i+155] = b'%06o\0' % sum(b[i:i+512])
    return bytes(b)
out = b''
for t in [info('', type=tarfile.DIRTYPE), info('pg_wal', type=tarfile.DIRTYPE), info('PG_VERSION', size=3),
          info('n' * 150, size=3, mtime=1795200071), info('big', size=8589934592),
          info('l', type=tarfile.SYMTYPE, linkname='/x' * 60)]:
    out += norm(t.tobuf(tarfile.PAX_FORMAT))
open('expected', 'wb').write(out)
END)");
  tar_member m;
  m.uid = 101, m.gid = 104, m.user = "postgres", m.group = "root", m.mode = 0700;
  m.mtime_ns = 1'795'200'071'250'000'000;
  std::string ours;
  const auto add = [&](type t, std::string name, std::uint64_t size = 0) {
    m.type = t, m.name = std::move(name), m.size = size;
    append_tar_header(ours, m);
  };
  add(type::directory, "");
  add(type::directory, "pg_wal");
  add(type::file, "PG_VERSION", 3);
  m.mtime_ns = 1'795'200'071'000'000'000;
  add(type::file, std::string(150, 'n'), 3);
  m.mtime_ns = 1'795'200'071'250'000'000;
  add(type::file, "big", 8'589'934'592);
  for (int i = 0; i < 60; ++i)
    m.link_target += "/x";
  add(type::symlink, "l");
  // The order of the records in an extended header is not fixed, their set is.
  const std::string expected = slurp(dir / "expected");
  REQUIRE(ours.size() == expected.size());
  for (std::size_t at = 0; at < ours.size(); at += 512) {
    std::string a = ours.substr(at, 512);
    std::string b = expected.substr(at, 512);
    if (a.substr(257, 5) != "ustar") {
      std::sort(a.begin(), a.end());
      std::sort(b.begin(), b.end());
    }
    INFO("at " << at << "\n" << ours.substr(at, 512) << "\n" << expected.substr(at, 512));
    CHECK(a == b);
  }
}

TEST_CASE("Python's tarfile reads what is written", "[peer]") {
  scratch dir;
  std::vector<parsed_member> members;
  for (const tar_member& m : awkward_members())
    members.push_back({m, {}});
  members.push_back(file_member("last", "body"));
  spit(dir / "a.tar", make_archive(members));
  const std::string out = shell(dir.path(), R"(python3 - <<'END'
import tarfile, sys
raw = lambda s: s.encode('utf-8', 'surrogateescape')
for t in tarfile.open('a.tar', encoding='utf-8'):
    name = raw(t.name) + (b'/' if t.isdir() else b'')
    sys.stdout.buffer.write(b'|'.join([t.type, name, raw(t.linkname), b'%d %o %d %d' % (t.size, t.mode, t.uid, t.gid),
        raw(t.uname), raw(t.gname), b'%.6f' % t.mtime]) + b'\0')
END)");
  std::string expected;
  for (const parsed_member& p : members) {
    const tar_member& m = p.member;
    const char flag = m.type == type::file        ? '0'
                      : m.type == type::hard_link ? '1'
                      : m.type == type::symlink   ? '2'
                      : m.type == type::directory ? '5'
                                                  : '6';
    char numbers[100];
    std::snprintf(
        numbers,
        sizeof numbers,
        "%llu %o %llu %llu",
        static_cast<unsigned long long>(m.size),
        m.mode,
        static_cast<unsigned long long>(m.uid),
        static_cast<unsigned long long>(m.gid));
    char mtime[50];
    std::snprintf(mtime, sizeof mtime, "%.6f", static_cast<double>(m.mtime_ns) / 1e9);
    const std::string name = m.type == type::directory ? m.name + '/' : m.name;
    expected += std::string(1, flag) + '|' + name + '|' + m.link_target + '|' + numbers + '|' +
                m.user + '|' + m.group + '|' + mtime + '\0';
  }
  CHECK(out == expected);
}

TEST_CASE("a file of 10 GiB has a header that others read", "[peer]") {
  scratch dir;
  tar_member m = plain_file();
  m.size = 10'737'418'240;
  std::string archive = header_of(m);
  const std::uint64_t end = archive.size() + m.size;
  spit(dir / "a.tar", archive);
  REQUIRE(::truncate((dir / "a.tar").c_str(), static_cast<off_t>(end + tar_end_size(end))) == 0);
  CHECK_THAT(shell(dir.path(), "tar tvf a.tar"), Catch::Contains(" 10737418240 "));
  CHECK(
      shell(
          dir.path(),
          "python3 -c 'import tarfile; print([t.size for t in tarfile.open(\"a.tar\")])'") ==
      "[10737418240]\n");
  auto input = std::as_bytes(std::span(archive.data(), archive.size()));
  tar_reader reader;
  REQUIRE(reader.next(input) == tar_reader::event::member);
  CHECK(reader.body_left() == 10'737'418'240);
}

TEST_CASE("GNU tar's and Python's dialects are read", "[peer]") {
  scratch dir;
  shell(dir.path(), R"sh(
mkdir tree tree/sub; cd tree
printf abc > short; head -c 100000 /dev/urandom > sub/data
touch "$(printf 'x%.0s' {1..90})"; ln -s short link; mkfifo pipe
touch -d '2021-02-03 04:05:06.789012345 UTC' short
touch -d '1969-12-31 23:59:58 UTC' sub/data
)sh");
  const std::string make = GENERATE(
      as<std::string>(),
      "tar cf a.tar --format=gnu tree",
      "tar cf a.tar --format=oldgnu tree",
      "tar cf a.tar --format=ustar tree",
      "tar cf a.tar --format=posix tree",
      "tar cf a.tar --format=posix --pax-option=globexthdr.name=x,comment=all,gid=4242 tree",
      "tar cf a.tar --format=v7 --exclude=pipe --mtime=@5 tree",
      "python3 -m tarfile -c a.tar tree",
      "python3 -c 'import tarfile as t; a=t.open(\"a.tar\",\"w\",format=t.GNU_FORMAT);"
      "a.add(\"tree\"); a.close()'");
  // ustar and v7 have no times before 1970.
  const bool old_times = make.find("ustar") != make.npos;
  if (old_times) shell(dir.path(), "touch -d @7 tree/sub/data");
  if (make.find("v7") == make.npos)
    shell(
        dir.path(),
        "ln tree/short tree/same; mkdir -p tree/$(printf 'd%.0s' {1..90})/" + std::string(40, 'e') +
            "; cd tree/d*/e*; touch " + std::string(50, 'f'));
  if (!old_times && make.find("v7") == make.npos)
    shell(dir.path(), "ln -s $(printf 'y%.0s' {1..300}) tree/far");
  INFO(make);
  shell(dir.path(), make);
  const auto members = parse(slurp(dir / "a.tar"), 1000);
  const bool fine_times = make.find("posix") != make.npos || make.find("-m tarfile") != make.npos;
  std::size_t links = 0;
  for (const parsed_member& p : members) {
    struct stat st {};
    INFO(p.member.name);
    REQUIRE(::lstat((dir / p.member.name).c_str(), &st) == 0);
    CHECK(p.member.mode == (st.st_mode & 07777));
    CHECK(p.member.uid == st.st_uid);
    CHECK(p.member.gid == (make.find("gid=4242") == make.npos ? st.st_gid : 4242));
    if (make.find("@5") != make.npos) {
      CHECK(p.member.mtime_ns == 5'000'000'000);
    } else {
      CHECK(p.member.mtime_ns / 1'000'000'000 == st.st_mtim.tv_sec);
      // Python's float has about 100 ns at this distance from 1970.
      if (fine_times) CHECK(std::abs(p.member.mtime_ns % 1'000'000'000 - st.st_mtim.tv_nsec) < 500);
    }
    if (p.member.type == type::hard_link) {
      ++links;
      struct stat other {};
      REQUIRE(::lstat((dir / p.member.link_target).c_str(), &other) == 0);
      CHECK(other.st_ino == st.st_ino);
    } else if (S_ISREG(st.st_mode)) {
      REQUIRE(p.member.type == type::file);
      CHECK(p.body == slurp(dir / p.member.name));
    } else if (S_ISLNK(st.st_mode)) {
      REQUIRE(p.member.type == type::symlink);
      CHECK(p.member.link_target == std::filesystem::read_symlink(dir / p.member.name));
    } else if (S_ISDIR(st.st_mode)) {
      CHECK(p.member.type == type::directory);
    } else {
      CHECK(p.member.type == type::fifo);
    }
  }
  const std::string count = shell(dir.path(), "find tree | wc -l");
  const std::size_t left_out = make.find("v7") == make.npos ? 0 : 1;
  CHECK(members.size() + left_out == std::stoul(count));
  CHECK(links == (make.find("v7") == make.npos ? 1 : 0));
}

TEST_CASE("numbers in base 256 are read", "[peer]") {
  scratch dir;
  shell(dir.path(), R"(python3 - <<'END'
import tarfile
out = b''
for size, uid, mtime in [(10**10, 3000000, 1), (0, 2**31, -5)]:
    t = tarfile.TarInfo('x'); t.size, t.uid, t.mtime = size, uid, mtime
    out += t.tobuf(tarfile.GNU_FORMAT)
open('h', 'wb').write(out)
END)");
  const std::string headers = slurp(dir / "h");
  auto first = std::as_bytes(std::span(headers.data(), 512));
  tar_reader one;
  REQUIRE(one.next(first) == tar_reader::event::member);
  CHECK(one.member().size == 10'000'000'000);
  CHECK(one.member().uid == 3'000'000);
  auto second = std::as_bytes(std::span(headers.data() + 512, 512));
  tar_reader two;
  REQUIRE(two.next(second) == tar_reader::event::member);
  CHECK(two.member().uid == 2'147'483'648);
  CHECK(two.member().mtime_ns == -5'000'000'000);
}

TEST_CASE("sparse members, other parts and unknown types are refused clearly", "[peer]") {
  scratch dir;
  shell(
      dir.path(),
      "truncate -s 10M hole; echo x >> hole; tar cSf gnu.tar --format=gnu hole;"
      "tar cSf pax.tar --format=posix hole; tar cf v.tar --label=volume hole");
  CHECK(why_refused(slurp(dir / "gnu.tar"), "sparse") == kind::refused);
  CHECK(why_refused(slurp(dir / "pax.tar"), "sparse") == kind::refused);
  CHECK(why_refused(slurp(dir / "v.tar"), "'V'") == kind::refused);
}
