// Expected values: the limits are promised for the usual segment; others have the same rate.
// Those of single requests are in docs/design.md, "Stores over a network".
#include "time_limits.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace std::chrono_literals;
using wale::restore_mode;
using wale::command::fetch_limit;
using wale::command::push_limit;
using wale::command::request_limit;
using wale::command::time_limit;

namespace {

constexpr std::uint64_t mib = 1u << 20;

} // namespace

TEST_CASE("a file of up to 16 MiB has the usual time") {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, mib, 16 * mib}) {
    CHECK(push_limit(size).command == 60s);
    CHECK(fetch_limit(size, restore_mode::standby).command == 15s);
    CHECK(fetch_limit(size, restore_mode::neither).command == 15s);
    CHECK(fetch_limit(size, restore_mode::targeted).command == 5min);
  }
}

TEST_CASE("a larger one has as much for each 16 MiB") {
  CHECK(push_limit(16 * mib + 1).command == 2min);
  CHECK(push_limit(64 * mib).command == 4min);
  CHECK(fetch_limit(64 * mib, restore_mode::standby).command == 60s);
  CHECK(fetch_limit(1024 * mib, restore_mode::targeted).command == 320min);
}

TEST_CASE("the store is asked for a history file as long as that is waited for") {
  const auto requests = [](const std::string& name, restore_mode mode) {
    const auto line = wale::command::parse_command_line({"wal-fetch", name, "/nowhere/x"});
    return wale::command::time_limit_of(line, mode)->requests;
  };
  CHECK(requests("00000002.history", restore_mode::standby) == 30s);
  CHECK(requests("00000002.history", restore_mode::neither) == 30s);
  CHECK(requests("00000002.history", restore_mode::targeted) == 290s);
  CHECK(requests("000000010000000000000001", restore_mode::standby) == 13s);
}

TEST_CASE(
    "what the store said is told before the end, and one request has no more for a large file") {
  for (const std::uint64_t size : {16 * mib, 1024 * mib}) {
    for (const time_limit& l :
         {push_limit(size),
          fetch_limit(size, restore_mode::standby),
          fetch_limit(size, restore_mode::targeted)}) {
      CHECK(l.requests < l.command);
      CHECK(l.request <= l.requests);
    }
    CHECK(push_limit(size).request == 55s);
    CHECK(fetch_limit(size, restore_mode::standby).request == 13s);
    CHECK(fetch_limit(size, restore_mode::targeted).request == 290s);
  }
}

TEST_CASE("a command that takes as long as it needs waits long for one request") {
  CHECK(request_limit("backup-push") == 15min);
  CHECK(request_limit("backup-fetch") == 15min);
  CHECK(request_limit("backup-list") == 5min);
  CHECK(request_limit("delete") == 5min);
}

TEST_CASE("the prefetcher gives a request less than a minute") {
  CHECK(request_limit("wal-prefetch") == 55s);
}
