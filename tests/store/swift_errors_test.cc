#include "swift_errors.hpp"

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;
using repeat = request_failure::repeat;

namespace {

swift_verdict
judged(int status, swift_method method = swift_method::other, const char* id = "X-Trans-Id") {
  http::response r;
  r.status = status;
  r.headers.add(id, "tx1");
  return judge_swift({"could not do it", "swift://c/x"}, r, method);
}

} // namespace

TEST_CASE("what Swift's statuses mean") {
  CHECK(judged(404).meaning == swift_meaning::not_there);
  CHECK(
      judged(404, swift_method::get, "X-Openstack-Request-Id").meaning == swift_meaning::not_there);
  CHECK(judged(404, swift_method::get, "Via").meaning == swift_meaning::later);
  CHECK(judged(412).meaning == swift_meaning::exists);
  CHECK(judged(401).failure.when() == repeat::at_once);
  CHECK(judged(401).unmended().when() == repeat::never);
  CHECK(judged(409).failure.when() == repeat::later);
  CHECK(judged(409, swift_method::get).meaning == swift_meaning::broken);
  CHECK(judged(409, swift_method::get).failure.why() == kind::corrupt);
  for (const int status : {408, 422, 429, 498, 499, 500, 502, 503, 504})
    CHECK(judged(status).failure.when() == repeat::later);
  for (const int status : {301, 400, 403, 405, 411, 413, 501, 507})
    CHECK(judged(status).failure.when() == repeat::never);
  CHECK(judged(413).failure.why() == kind::no_space);
}

TEST_CASE("a refusal tells the transaction, which the operators of the server can look for") {
  CHECK(judged(403).failure.text().detail.find("tx1") != std::string::npos);
  CHECK(judged(403).failure.text().detail.find("swift://c/x") != std::string::npos);
}
