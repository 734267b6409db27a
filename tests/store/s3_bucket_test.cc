// What the S3 driver mends and what it believes, where several requests or odd refusals meet.
#include "conformance.hpp"
#include "fake_s3.hpp"

#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>
#include <wale/store/open.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <utility>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;

namespace {

std::unique_ptr<store::store>
open_s3(io::runtime& rt, const fake_s3& server, std::map<std::string, std::string> more = {}) {
  std::map<std::string, std::string> all{
      {"WALE_S3_ENDPOINT", server.endpoint()},
      {"AWS_ACCESS_KEY_ID", "key"},
      {"AWS_SECRET_ACCESS_KEY", "secret"},
      {"WALE_RETRIES", "4"}};
  all.merge(more);
  store::settings how;
  how.budget = std::chrono::seconds(20);
  how.variable = [all](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    if (found == all.end()) return std::nullopt;
    return found->second;
  };
  return store::open_store(rt, "s3://bucket/p", how);
}

task<> put_one(io::runtime& rt, store::store& s, std::string key) {
  io::block_budget budget = co_await rt.blocks().reserve(1);
  const auto body = make_source(std::move(budget), "content of " + key);
  store::put_request request;
  request.key = key_of(key);
  co_await s.put(std::move(request), *body);
}

task<> put_two(io::runtime& rt, store::store& s) {
  io::task_group group(rt.context().get_executor());
  group.spawn(put_one(rt, s, "wal_005/a"));
  group.spawn(put_one(rt, s, "wal_005/b"));
  co_await group.join();
}

/// Refuses what `is_wrong` finds wrong, but not before two such requests are there.
void refuse_two_together(
    fake_s3& server, std::function<bool(const received_request&)> is_wrong, answer refusal) {
  refusal.after = std::make_shared<gate>();
  const auto refused = std::make_shared<std::atomic<int>>(0);
  server.before([=](const received_request& r) -> std::optional<answer> {
    if (!is_wrong(r)) return std::nullopt;
    if (++*refused == 2) refusal.after->open();
    return refusal;
  });
}

std::string in_an_hour(const char* form) {
  const std::time_t theirs = std::time(nullptr) + 3600;
  std::tm utc{};
  gmtime_r(&theirs, &utc);
  char text[64];
  std::strftime(text, sizeof text, form, &utc);
  return text;
}

std::optional<failure> failure_of_get(io::runtime& rt, store::store& s) {
  try {
    get(rt, s, "wal_005/x");
  } catch (const failure& f) {
    return f;
  }
  return std::nullopt;
}

} // namespace

TEST_CASE("s3: the region is learned by all requests that are refused together") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  refuse_two_together(
      server,
      [](const received_request& r) {
        return r.header("Authorization").find("/eu-west-3/s3/") == std::string::npos;
      },
      fake_s3::error(400, "AuthorizationHeaderMalformed", {{"x-amz-bucket-region", "eu-west-3"}}));
  REQUIRE_NOTHROW(rt.run(put_two(rt, *s)));
  CHECK(server.objects().size() == 2);
}

TEST_CASE("s3: a wrong clock is put right for all requests that are refused together") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  const std::string hour = in_an_hour("%Y%m%dT%H");
  refuse_two_together(
      server,
      [=](const received_request& r) { return !r.header("X-Amz-Date").starts_with(hour); },
      fake_s3::error(
          403, "RequestTimeTooSkewed", {{"Date", in_an_hour("%a, %d %b %Y %H:%M:%S GMT")}}));
  REQUIRE_NOTHROW(rt.run(put_two(rt, *s)));
  CHECK(server.objects().size() == 2);
}

TEST_CASE("s3: a region that was signed for and is refused all the same is final") {
  fake_s3 server;
  io::runtime rt;
  const auto s = open_s3(rt, server);
  server.before([](const received_request&) -> std::optional<answer> {
    return fake_s3::error(301, "PermanentRedirect", {{"x-amz-bucket-region", "eu-west-3"}});
  });
  CHECK(failure_of_get(rt, *s)->why() == kind::configuration);
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
    CHECK(failure_of_get(rt, *s));
    CHECK_THROWS_AS(head(rt, *s, "wal_005/x"), failure);
  }
  what.body = "<html>The firewall says no.</html>";
  CHECK(failure_of_get(rt, *s));
  what = fake_s3::error(403, "AccessDenied");
  CHECK_FALSE(failure_of_get(rt, *s));
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
  const std::string large = noise(13'000'000, 7);
  const auto result = put(rt, *s, "wal_005/x", large, store::put_condition::create_only);
  CHECK(result.what == outcome::exists);
  CHECK(server.unfinished_uploads() == 0);
}
