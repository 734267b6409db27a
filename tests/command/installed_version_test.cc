// Texts as pg_config of Debian, of a beta and of 9.6 print them.
#include "installed_version.hpp"

#include <catch2/catch.hpp>

using namespace wale::command;

TEST_CASE("the number of a version is server_version_num") {
  CHECK(version_number("PostgreSQL 15.18 (Debian 15.18-0+deb12u1)") == 150018);
  CHECK(version_number("PostgreSQL 18.1") == 180001);
  CHECK(version_number("PostgreSQL 19beta1") == 190000);
  CHECK(version_number("PostgreSQL 9.6.24") == 90624);
  CHECK(version_number("PostgreSQL 15") == 150000);
  CHECK(version_number("PostgreSQL 9.6") == 90600);
  CHECK(version_number("something else") == 0);
}

TEST_CASE("a version is of one major version") {
  CHECK(is_of_major("PostgreSQL 15.18 (Debian)", "15"));
  CHECK(is_of_major("PostgreSQL 19beta1", "19"));
  CHECK(is_of_major("PostgreSQL 9.6.24", "9.6"));
  CHECK_FALSE(is_of_major("PostgreSQL 15.18", "1"));
  CHECK_FALSE(is_of_major("PostgreSQL 15.18", "13"));
  CHECK_FALSE(is_of_major("", "15"));
}
