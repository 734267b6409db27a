// What is sent next, by "Perform resumable uploads" of the Cloud Storage documentation.
#include "gcs_session.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace wale;
using namespace wale::store;
using state = gcs_session::state;

namespace {

constexpr std::uint64_t part = 6 * 1024 * 1024;

std::string text_of(const http::body_pieces& pieces) {
  std::string text;
  for (const auto& p : pieces)
    text.append(reinterpret_cast<const char*>(p.data()), p.size());
  return text;
}

} // namespace

TEST_CASE("gcs: parts follow each other, and a short one ends the upload") {
  gcs_session s("/s");
  CHECK(s.sum_before(1) == 0);
  s.begin_part(1, part, 11);
  CHECK_FALSE(s.has_part());
  CHECK_FALSE(s.total());
  CHECK(s.first() == 0);
  CHECK(s.holds(part));
  CHECK(s.has_part());
  CHECK(s.sum_before(2) == 11);
  s.begin_part(2, 100, 22);
  CHECK(s.first() == part);
  CHECK(s.skip() == 0);
  CHECK(s.total() == part + 100);
  CHECK(s.sum() == 22);
  CHECK(s.sum_before(2) == 11);
  s.finish(state::finished);
  CHECK((s.now() == state::finished));
  CHECK_THROWS_AS(s.begin_part(3, part, 33), failure);
}

TEST_CASE("gcs: an upload of multiples has no end until it is said") {
  gcs_session s("/s");
  s.begin_part(1, part, 11);
  CHECK(s.holds(part));
  CHECK(s.has_part());
  s.end();
  CHECK(s.total() == part);
  CHECK_FALSE(s.has_part());
  CHECK_THROWS_AS(s.begin_part(2, part, 22), failure);
}

TEST_CASE("gcs: a part goes on where the server is") {
  gcs_session s("/s");
  s.begin_part(1, part, 11);
  s.sent();
  CHECK(s.is_unsure());
  CHECK(s.holds(262144));
  CHECK_FALSE(s.is_unsure());
  CHECK(s.first() == 262144);
  CHECK(s.skip() == 262144);
  s.begin_part(1, part, 11); // once more
  CHECK(s.skip() == 262144);
  CHECK(s.holds(part));
  s.begin_part(2, part, 22);
  CHECK(s.holds(part + 262144));
  CHECK(s.skip() == 262144);
  CHECK_FALSE(s.holds(part - 1));     // it had acknowledged more
  CHECK_FALSE(s.holds(2 * part + 1)); // nobody sent so much
}

TEST_CASE("gcs: parts out of turn are refused") {
  gcs_session s("/s");
  CHECK_THROWS_AS(s.begin_part(2, part, 1), failure);
  s.begin_part(1, part, 11);
  CHECK_THROWS_AS(s.begin_part(2, part, 22), failure); // the first has not arrived
  CHECK_THROWS_AS(s.begin_part(1, part - 1, 11), failure);
}

TEST_CASE("gcs: where the object is there already, parts go nowhere") {
  gcs_session s = gcs_session::forbidden();
  s.begin_part(1, part, 11);
  s.begin_part(2, 100, 22);
  s.end();
  CHECK((s.now() == state::forbidden));
  CHECK_FALSE(s.total());
}

TEST_CASE("gcs: the front of pieces is left out") {
  const std::string a = "abc";
  const std::string b = "defg";
  const http::body_pieces all{http::bytes_of(a), http::bytes_of(b)};
  for (std::size_t skip = 0; skip <= 8; ++skip)
    CHECK(
        text_of(without_front(all, skip)) ==
        std::string("abcdefg").substr(std::min<std::size_t>(skip, 7)));
}
