// History files as PostgreSQL writes them (timeline.c, writeTimeLineHistory).

#include <wale/base/error.hpp>
#include <wale/pg/timeline_history.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::pg;

TEST_CASE("history: ancestors in order", "[unit]") {
  const auto ancestors =
      parse_timeline_history("1\t0/3000110\tno recovery target specified\n\n# a remark\n"
                             "2\t1/A0000098\tbefore 2026-11-20 18:40:28.651509+00\n");
  REQUIRE(ancestors.size() == 2);
  CHECK(ancestors[0].tli == timeline{1});
  CHECK(to_string(ancestors[0].left_at) == "0/3000110");
  CHECK(ancestors[0].reason == "no recovery target specified");
  CHECK(ancestors[1].tli == timeline{2});
  CHECK(to_string(ancestors[1].left_at) == "1/A0000098");
  CHECK(ancestors[1].reason == "before 2026-11-20 18:40:28.651509+00");
}

TEST_CASE("history: nothing, no final newline, no reason", "[unit]") {
  CHECK(parse_timeline_history("").empty());
  CHECK(parse_timeline_history("\n \n#\n").empty());
  CHECK(parse_timeline_history("7 0/1").front().reason.empty());
}

TEST_CASE("history: what the server would refuse", "[unit]") {
  for (const char* bad :
       {"x\t0/1\tr\n",
        "1\n",
        "1\t1\tr\n",
        "0\t0/1\tr\n",
        "2\t0/1\tr\n1\t0/2\tr\n",
        "1\t0/1\tr\n1\t0/2\tr\n",
        "4294967296\t0/1\tr\n",
        "1x\t0/1\tr\n"})
    CHECK_THROWS_AS(parse_timeline_history(bad), failure);
}
