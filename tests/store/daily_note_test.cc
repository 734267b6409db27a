#include "daily_note.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

using namespace wale;

namespace {

/// An empty directory that TMPDIR names for a while.
struct own_tmpdir {
  std::string path = "/tmp/wale-daily-note-test-XXXXXX";
  std::string before;

  own_tmpdir() {
    const char* const set = std::getenv("TMPDIR");
    before = set ? set : "";
    REQUIRE(::mkdtemp(path.data()));
    ::setenv("TMPDIR", path.c_str(), 1);
  }
  ~own_tmpdir() {
    if (before.empty())
      ::unsetenv("TMPDIR");
    else
      ::setenv("TMPDIR", before.c_str(), 1);
    std::filesystem::remove_all(path);
  }
};

} // namespace

TEST_CASE("a daily note is fresh once it is written") {
  const own_tmpdir here;
  const store::daily_note note("subject");
  CHECK_FALSE(note.is_fresh());
  note.write();
  CHECK(note.is_fresh());
  CHECK_FALSE(store::daily_note("another").is_fresh());
}

TEST_CASE("a daily note is of today, whatever the clock was when it was written") {
  using std::chrono::hours;
  const own_tmpdir here;
  const store::daily_note note("subject");
  note.write();
  const auto file = std::filesystem::directory_iterator(here.path)->path();
  const auto now = std::filesystem::last_write_time(file);
  for (const hours off : {hours(-25), hours(25), hours(24 * 365)}) {
    std::filesystem::last_write_time(file, now + off);
    CHECK_FALSE(note.is_fresh());
  }
  std::filesystem::last_write_time(file, now + hours(1));
  CHECK(note.is_fresh());
}

TEST_CASE("a FIFO in the place of a daily note holds nobody up") {
  const own_tmpdir here;
  const store::daily_note note("subject");
  note.write();
  const auto file = std::filesystem::directory_iterator(here.path)->path();
  std::filesystem::remove(file);
  REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  note.write();
  CHECK_FALSE(note.is_fresh());
}
