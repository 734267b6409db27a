// The format without other programs: round trips, cuts, damage, bounds.
#include "tar_fixture.hpp"

#include <wale/archive/tar.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <cstring>
#include <string>
#include <vector>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;

namespace {

void check_equal(const tar_member& got, const tar_member& want) {
  CHECK(got.type == want.type);
  CHECK(got.name == want.name);
  CHECK(got.link_target == want.link_target);
  CHECK(got.size == want.size);
  CHECK(got.mode == want.mode);
  CHECK(got.uid == want.uid);
  CHECK(got.gid == want.gid);
  CHECK(got.user == want.user);
  CHECK(got.group == want.group);
  CHECK(got.mtime_ns == want.mtime_ns);
}

/// A fresh checksum for a header that was altered by hand.
void seal(std::string& archive, std::size_t at) {
  std::memset(&archive[at + 148], ' ', 8);
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i)
    sum += static_cast<unsigned char>(archive[at + i]);
  char text[9];
  std::snprintf(text, sizeof text, "%06o", sum);
  std::memcpy(&archive[at + 148], text, 7);
}

} // namespace

TEST_CASE("what is written is read again, however it is cut", "[unit]") {
  std::vector<parsed_member> members;
  for (const tar_member& m : awkward_members())
    members.push_back({m, {}});
  members.push_back(file_member("odd", std::string(513, 'o')));
  members.push_back(file_member("even", std::string(1024, 'e')));
  const std::string archive = make_archive(members);
  CHECK(archive.size() % 10'240 == 0);
  for (std::size_t step : {1u, 7u, 511u, 512u, 513u, 4096u, 1000000u}) {
    const auto read = parse(archive, step);
    REQUIRE(read.size() == members.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      check_equal(read[i].member, members[i].member);
      CHECK(read[i].body == members[i].body);
    }
  }
}

TEST_CASE("an archive cut anywhere is corrupt", "[unit]") {
  tar_member with_records = file_member(std::string(120, 'n'), "body").member;
  const std::string whole =
      make_archive({file_member("a", "hello"), {with_records, "body"}, file_member("b", "")});
  std::size_t end_of_members = whole.find_last_not_of('\0') + 1;
  end_of_members += tar_padding(end_of_members);
  REQUIRE_NOTHROW(parse(std::string_view(whole).substr(0, end_of_members + 1024)));
  for (std::size_t cut = 0; cut < end_of_members + 1024; ++cut) {
    try {
      parse(std::string_view(whole).substr(0, cut));
      FAIL("cut at " << cut);
    } catch (const failure& f) {
      if (f.why() != kind::corrupt) FAIL("cut at " << cut << ": " << f.text().detail);
      if (f.text().detail.empty()) FAIL("no detail");
    }
  }
}

TEST_CASE("a changed header is corrupt", "[unit]") {
  const std::string whole = make_archive({file_member("a", "hello")});
  for (std::size_t i = 0; i < 512; ++i) {
    std::string bad = whole;
    bad[i] = static_cast<char>(bad[i] ^ 0x02);
    INFO(i);
    CHECK_THROWS_AS(parse(bad), failure);
  }
}

TEST_CASE("what is no archive is corrupt", "[unit]") {
  CHECK(why_refused("", "it is empty") == kind::corrupt);
  CHECK(why_refused(std::string(2048, 'j'), "no number") == kind::corrupt);
  CHECK(why_refused(std::string(512, '\0'), "end mark") == kind::corrupt);
  const std::string one = make_archive({file_member("a", "hello")});
  CHECK(why_refused(one + "x", "after the end") == kind::corrupt);
  CHECK(why_refused(one + one, "after the end") == kind::corrupt);
  std::string lone = one.substr(0, 1024) + std::string(512, '\0') + one;
  CHECK(why_refused(lone, "lone block") == kind::corrupt);
  CHECK_NOTHROW(parse(one + std::string(100'000, '\0')));
}

TEST_CASE("extended headers are bounded and checked", "[unit]") {
  tar_member longer = plain_file();
  longer.size = 0;
  longer.name = std::string(150, 'n');
  const std::string good = make_archive({{longer, {}}});
  REQUIRE_NOTHROW(parse(good));

  const auto with_records = [&](std::string_view records) {
    std::string bad = good;
    std::fill_n(bad.begin() + 512, 512, '\0');
    bad.replace(512, records.size(), records);
    char size[13];
    std::snprintf(size, sizeof size, "%011o", static_cast<unsigned>(records.size()));
    bad.replace(124, 11, size, 11);
    seal(bad, 0);
    return bad;
  };
  REQUIRE(parse(with_records("12 path=abc\n"))[0].member.name == "abc");
  // str(0.000015) of Python, and str(-0.00001).
  CHECK(parse(with_records("17 mtime=1.5e-05\n"))[0].member.mtime_ns == 15000);
  CHECK(parse(with_records("16 mtime=-1e-05\n"))[0].member.mtime_ns == -10000);
  for (std::string_view bad :
       {"13 path=abc\n",
        "11 path=abc\n",
        "0 path=abc\n",
        "-1 path=abc\n",
        "99999999999999999999 path=abc\n",
        "path=abc\n",
        "12 pathxabc\n",
        "12 =athxabc\n",
        "12",
        "12 path=abcd",
        "18 size=123456789x\n",
        "9 size=\n9 uid=x\n",
        "29 size=99999999999999999999\n",
        "30 size=9223372036854775807\n  ",
        "13 mtime=1.x\n",
        "15 mtime=5e-00\n",
        "15 mtime=1e-5x\n",
        "13 mtime=.55\n"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse(with_records(bad)), failure);
  }
  CHECK(why_refused(with_records(std::string_view("12 path=a\0c\n", 12)), "NUL") == kind::corrupt);
  CHECK(why_refused(with_records("22 GNU.sparse.major=1\n"), "sparse") == kind::refused);

  std::string huge = good;
  huge.replace(124, 11, "00010000001", 11);
  seal(huge, 0);
  CHECK(why_refused(huge, "claims 2097153 bytes") == kind::corrupt);
  std::string vast = good;
  vast.replace(124, 12, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
  seal(vast, 0);
  CHECK(why_refused(vast, "claims 9223372036854775807 bytes") == kind::corrupt);
  vast[128] = '\xff';
  vast[127] = '\1';
  seal(vast, 0);
  CHECK(why_refused(vast, "out of range") == kind::corrupt);
  CHECK(
      why_refused(good.substr(0, 1024) + std::string(1024, '\0'), "after an extended header") ==
      kind::corrupt);
}

TEST_CASE("the end fills a record and has two empty units", "[unit]") {
  for (std::uint64_t at = 0; at <= 30'720; at += 512) {
    CHECK((at + tar_end_size(at)) % 10'240 == 0);
    CHECK(tar_end_size(at) >= 1024);
    CHECK(tar_end_size(at) < 1024 + 10'240);
  }
}
