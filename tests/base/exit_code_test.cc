// The table that keeps PostgreSQL from promoting too early. Each row was measured on real servers;
// tests/e2e/test_exit_codes.py measures it again.
#include <wale/base/exit_code.hpp>

#include <catch2/catch.hpp>

#include <vector>

using namespace wale;

namespace {

const std::vector<kind> failures{
    kind::usage,
    kind::configuration,
    kind::exists,
    kind::corrupt,
    kind::refused,
    kind::unavailable,
    kind::no_space,
    kind::bug};

} // namespace

TEST_CASE("a targeted recovery ends only at proven absence") {
  CHECK(wal_fetch_exit_code(kind::absent, restore_mode::targeted) == 1);
  CHECK(wal_fetch_exit_code(kind::interrupted, restore_mode::targeted) == 143);
  for (kind k : failures)
    CHECK(wal_fetch_exit_code(k, restore_mode::targeted) == 126);
}

TEST_CASE("a standby and a person get 1 for everything") {
  for (restore_mode mode : {restore_mode::standby, restore_mode::neither}) {
    for (kind k : failures)
      CHECK(wal_fetch_exit_code(k, mode) == 1);
    CHECK(wal_fetch_exit_code(kind::absent, mode) == 1);
    CHECK(wal_fetch_exit_code(kind::interrupted, mode) == 1);
  }
}

TEST_CASE("other commands exit with 2 for usage errors and bugs, else with 1") {
  for (kind k : failures)
    CHECK(exit_code(k) == (k == kind::usage || k == kind::bug ? 2 : 1));
  CHECK(exit_code(kind::interrupted) == 1);
  CHECK(exit_code(kind::absent) == 1);
}
