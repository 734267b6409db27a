// Expected values: `date -u -d TIME +%s`.
#include "iso_time.hpp"

#include <catch2/catch.hpp>

using wale::store::parse_iso_time;

TEST_CASE("times in the ways that AWS writes them") {
  CHECK(parse_iso_time("2026-11-20T18:45:57Z") == 1795200357'000000000);
  CHECK(parse_iso_time("2026-11-20T18:45:57.5Z") == 1795200357'500000000);
  CHECK(parse_iso_time("2026-11-20T18:45:57.000123456789Z") == 1795200357'000123456);
  CHECK(parse_iso_time("2026-11-20T18:45:57") == 1795200357'000000000);
  CHECK(parse_iso_time("2026-11-21T00:15:57+05:30") == 1795200357'000000000);
  CHECK(parse_iso_time("2026-11-20T18:45:57-00:00") == 1795200357'000000000);
  CHECK(parse_iso_time("1969-12-31T23:59:59Z") == -1'000000000);
  CHECK(parse_iso_time("2024-02-29T00:00:00Z") == 1709164800'000000000);
}

TEST_CASE("what is no time") {
  for (const char* text :
       {"",
        "2026",
        "2026-11-20",
        "2026-11-20 18:45:57Z",
        "2026-1-20T18:45:57Z",
        "2026-02-29T18:45:57Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T18:60:00Z",
        "2026-11-20T18:45:61Z",
        "2026-11-20T18:45:57Zulu",
        "2026-11-20T18:45:57+25:00",
        "2026-11-20T18:45:57+5:00",
        "2026-11-20T18:45:57+0500",
        " 2026-11-20T18:45:57Z",
        "-026-11-20T18:45:57Z",
        "9999-11-20T18:45:57Z",
        "0001-01-01T00:00:00Z"}) {
    INFO(text);
    CHECK_FALSE(parse_iso_time(text));
  }
}
