// What may be read is judged from outside: by when each byte became due, whatever was asked.
#include "rate_limit.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

using namespace wale::command;
using namespace std::chrono_literals;

namespace {

using time_point = token_bucket::time_point;

struct reading {
  double at; ///< seconds
  double bytes;
};

double seconds(time_point t) {
  return std::chrono::duration<double>(t.time_since_epoch()).count();
}

// The most that was read in any stretch of 2 seconds; the worst one ends with a reading.
double most_in_two_seconds(std::vector<reading> readings) {
  std::ranges::sort(readings, {}, &reading::at);
  double most = 0, sum = 0;
  std::size_t first = 0;
  for (const reading& r : readings) {
    sum += r.bytes;
    for (; readings[first].at < r.at - 2; ++first)
      sum -= readings[first].bytes;
    most = std::max(most, sum);
  }
  return most;
}

// One of several readers of one bucket; it reads a file a time, portion by portion.
struct reader {
  time_point now;
  std::size_t left = 0;
};

std::size_t any_size(std::mt19937_64& random) {
  switch (random() % 4) {
  case 0:
    return 1 + random() % 512;
  case 1:
    return 8192;
  case 2:
    return 1 + random() % (256 * 1024);
  default:
    return 256 * 1024;
  }
}

} // namespace

TEST_CASE("a portion is worth 10 ms at most, and is never nothing") {
  const time_point now{};
  CHECK(token_bucket(1'000'000, now).portion(262'144) == 10'000);
  CHECK(token_bucket(1'000'000, now).portion(8'192) == 8'192);
  CHECK(token_bucket(100'000'000, now).portion(262'144) == 262'144);
  CHECK(token_bucket(1, now).portion(262'144) == 1);
}

TEST_CASE("bytes are due when they are paid for") {
  const time_point now{};
  token_bucket bucket(1'000'000, now);
  const auto close_to = [](time_point t, std::chrono::nanoseconds expected) {
    return std::chrono::abs(t.time_since_epoch() - expected) < 1us;
  };
  CHECK(close_to(bucket.take(20'000, now), 20ms));
  CHECK(close_to(bucket.take(10'000, now), 30ms)); // another reader, at the same time
  CHECK(close_to(bucket.take(10'000, now + 35ms), 40ms));
  // 10 ms late, then 500 ms late, of which 40 ms are caught up.
  CHECK(close_to(bucket.take(5'000, now + 50ms), 50ms));
  CHECK(close_to(bucket.take(5'000, now + 50ms), 50ms));
  CHECK(close_to(bucket.take(20'000, now + 570ms), 570ms));
  CHECK(close_to(bucket.take(20'000, now + 570ms), 570ms));
  CHECK(close_to(bucket.take(20'000, now + 570ms), 590ms));
}

TEST_CASE("no two seconds see more than 5 per cent too much, and little time is lost") {
  std::mt19937_64 random(20261121);
  for (int round = 0; round < 400; ++round) {
    const std::uint64_t limit = std::uint64_t{1} << (10 + random() % 24);
    const auto rate = limit + random() % limit;
    const std::size_t readers = 1 + random() % 5;
    const auto hesitation = std::chrono::microseconds(1 + random() % 20'000);
    token_bucket bucket(rate, time_point{});
    std::vector<reader> all(readers);
    std::vector<reading> readings;
    double bytes = 0;
    time_point end{};
    time_point busy{};
    // As events: the reader whose time has come first goes on.
    while (readings.size() < 3000 && seconds(end) < 30) {
      reader& r = *std::ranges::min_element(all, {}, &reader::now);
      if (r.left == 0) r.left = any_size(random);
      const std::size_t n = bucket.portion(r.left);
      const time_point due = bucket.take(n, r.now);
      REQUIRE(due >= r.now);
      end = std::max(end, due);
      readings.push_back({seconds(due), static_cast<double>(n)});
      r.left -= n;
      bytes += static_cast<double>(n);
      // From a sleep it wakes a little late, and now and then it has other things to do.
      const bool slept = due > r.now;
      r.now = due;
      if (slept) r.now += std::chrono::microseconds(random() % 1'000);
      if (due < busy) continue;
      r.now += hesitation;
      busy = due + 200ms;
    }
    const auto most = 2 * static_cast<double>(rate);
    CHECK(most_in_two_seconds(readings) <= 1.05 * most);
    CHECK(seconds(end) <= bytes / static_cast<double>(rate) * 1.05 + 1);
  }
}

TEST_CASE("after a long pause there is no more to catch up than after a short one") {
  token_bucket bucket(1'000'000, time_point{});
  std::vector<reading> readings;
  time_point now{};
  for (const auto pause : {0s, 1s, 100s, 3600s}) {
    now += pause;
    for (int i = 0; i < 200; ++i) {
      now = bucket.take(20'000, now);
      readings.push_back({seconds(now), 20'000});
    }
  }
  CHECK(most_in_two_seconds(readings) <= 1.05 * 2'000'000);
}
