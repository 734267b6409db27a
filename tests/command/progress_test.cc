#include "progress.hpp"

#include <catch2/catch.hpp>

using namespace wale::command;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;

} // namespace

TEST_CASE("bytes done, per cent, rate and time left") {
  CHECK(
      describe({1536 * mib, 3 * gib, 120.3 * mib}) ==
      "1.5 GiB of 3.0 GiB (50 %), 120.3 MiB/s, 0:00:13 left");
  CHECK(describe({0, 10 * mib, 0}) == "0 B of 10.0 MiB (0 %), 0 B/s, a long time left");
  CHECK(describe({512, 1024, 1}) == "512 B of 1.0 KiB (50 %), 1 B/s, 0:08:32 left");
  CHECK(
      describe({gib, 1025 * gib, 30 * mib}) ==
      "1.0 GiB of 1.0 TiB (0 %), 30.0 MiB/s, 9:42:33 left");
}

TEST_CASE("nothing is printed as 1024 of a unit") {
  CHECK(describe({1023, 0, 0}) == "1023 B, 0 B/s");
  CHECK(describe({mib - 1, 0, 0}) == "1.0 MiB, 0 B/s");
  CHECK(describe({1023 * kib, 0, 0}) == "1023.0 KiB, 0 B/s");
}

TEST_CASE("per cent are rounded down, and 100 only at the end") {
  CHECK(per_cent({1, 1'000'000'000, 0}) == 0);
  CHECK(per_cent({999'999'999, 1'000'000'000, 0}) == 99);
  CHECK(per_cent({10, 10, 0}) == 100);
  CHECK(per_cent({11, 10, 0}) == 100);
  CHECK(describe({11, 10, 5}) == "11 B of 10 B (100 %), 5 B/s, 0:00:00 left");
  // 2^64 bytes are no reason to overflow.
  CHECK(per_cent({~std::uint64_t{0} / 2, ~std::uint64_t{0}, 0}) == 49);
}

TEST_CASE("what is not known is not shown") {
  CHECK(describe({5 * mib, 0, 2 * mib}) == "5.0 MiB, 2.0 MiB/s");
  CHECK(describe({1, ~std::uint64_t{0}, 1}).ends_with("a long time left"));
}

TEST_CASE("the rate is that of the last ten seconds") {
  const progress_meter::time_point start{};
  progress_meter meter(start);
  meter.expect(10'000);
  CHECK(meter.sample(start).bytes_per_second == 0);
  for (int second = 1; second <= 10; ++second) {
    meter.add(100);
    CHECK(meter.sample(start + second * 1s).bytes_per_second == Approx(100));
  }
  for (int second = 11; second <= 20; ++second)
    meter.sample(start + second * 1s);
  const progress p = meter.sample(start + 21s);
  CHECK(p.bytes_per_second == 0);
  CHECK(p.done == 1000);
  CHECK(p.total == 10'000);
}

TEST_CASE("samples that are far apart give the rate between them") {
  const progress_meter::time_point start{};
  progress_meter meter(start);
  meter.add(3000);
  CHECK(meter.sample(start + 30s).bytes_per_second == Approx(100));
  meter.add(6000);
  CHECK(meter.sample(start + 60s).bytes_per_second == Approx(200));
}
