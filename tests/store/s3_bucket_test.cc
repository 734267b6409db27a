// What the S3 driver mends and what it believes, where several requests or odd refusals meet.
#include "fake_s3.hpp"
#include "refused_together.hpp"
#include "scripted_store.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <utility>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;

namespace {

std::unique_ptr<store::store> open_s3(io::runtime& rt, const fake_s3& server, variables more = {}) {
  variables usual{
      {"WALE_S3_ENDPOINT", server.endpoint()},
      {"AWS_ACCESS_KEY_ID", "key"},
      {"AWS_SECRET_ACCESS_KEY", "secret"},
      {"WALE_RETRIES", "4"}};
  return store::open_store(rt, "s3://bucket/p", settings_of(std::move(usual), std::move(more)));
}

} // namespace

TEST_CASE("s3: the region is learned by all requests that are refused together") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  server.before(refusing_two_together(
      [](const received_request& r) {
        return r.header("Authorization").find("/eu-west-3/s3/") == std::string::npos;
      },
      fake_s3::error(400, "AuthorizationHeaderMalformed", {{"x-amz-bucket-region", "eu-west-3"}})));
  REQUIRE_NOTHROW(put_two(rt, *s));
  CHECK(server.objects().size() == 2);
}

TEST_CASE("s3: a wrong clock is put right for all requests that are refused together") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  const std::string hour = in_an_hour("%Y%m%dT%H");
  server.before(refusing_two_together(
      [=](const received_request& r) { return !r.header("X-Amz-Date").starts_with(hour); },
      fake_s3::error(
          403, "RequestTimeTooSkewed", {{"Date", in_an_hour("%a, %d %b %Y %H:%M:%S GMT")}})));
  REQUIRE_NOTHROW(put_two(rt, *s));
  CHECK(server.objects().size() == 2);
}

TEST_CASE("s3: a region that was signed for and is refused all the same is final") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  server.before([](const received_request&) -> std::optional<answer> {
    return fake_s3::error(301, "PermanentRedirect", {{"x-amz-bucket-region", "eu-west-3"}});
  });
  CHECK(failure_of([&] { get(rt, *s, "wal_005/x"); })->why() == kind::configuration);
  CHECK(server.peer().requests().size() == 2);
}

TEST_CASE("s3: only AccessDenied can be taken for absence") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server, {{"WALE_403_IS_ABSENT", "1"}});
  answer what;
  server.before([&](const received_request&) -> std::optional<answer> { return what; });
  for (const char* code :
       {"InvalidAccessKeyId",
        "InvalidObjectState",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "AllAccessDisabled"}) {
    CAPTURE(code);
    what = fake_s3::error(403, code);
    CHECK(failure_of([&] { get(rt, *s, "wal_005/x"); }));
    CHECK_THROWS_AS(head(rt, *s, "wal_005/x"), failure);
  }
  what.body = "<html>The firewall says no.</html>";
  CHECK(failure_of([&] { get(rt, *s, "wal_005/x"); }));
  what = fake_s3::error(403, "AccessDenied");
  CHECK_FALSE(failure_of([&] { get(rt, *s, "wal_005/x"); }));
  CHECK_FALSE(head(rt, *s, "wal_005/x"));
}

TEST_CASE("s3: that another writer was first can also be said inside a 200") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  server.before([](const received_request& r) -> std::optional<answer> {
    if (r.method != "POST" || r.target.find("uploadId=") == std::string::npos) return std::nullopt;
    return fake_s3::error(200, "PreconditionFailed");
  });
  const auto result = put(rt, *s, "wal_005/x", large, store::put_condition::create_only);
  CHECK(result.what == outcome::exists);
  CHECK(server.unfinished_uploads() == 0);
}
