// The S3 store against a small S3 in memory that does on command what a real one will not do.
#include "fake_s3.hpp"
#include "scripted_store.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;
using condition = store::put_condition;

namespace {

constexpr const char* the_secret = "SECRET-that-nobody-may-see";

std::unique_ptr<store::store> open_s3(
    io::runtime& rt,
    const std::string& endpoint,
    variables more = {},
    const std::string& prefix = "s3://bucket/p") {
  variables usual{
      {"WALE_S3_ENDPOINT", endpoint},
      {"AWS_ACCESS_KEY_ID", "key"},
      {"AWS_SECRET_ACCESS_KEY", the_secret},
      {"AWS_EC2_METADATA_DISABLED", "true"},
      {"WALE_RETRIES", "4"}};
  return store::open_store(rt, prefix, settings_of(std::move(usual), std::move(more)));
}

// Notes that last a day must not reach the next test.
class own_notes {
public:
  own_notes() { ::setenv("TMPDIR", directory_.path().c_str(), 1); }
  ~own_notes() { ::unsetenv("TMPDIR"); }

private:
  scratch_dir directory_;
};

struct bench {
  own_notes notes;
  fake_s3 server;
  io::runtime rt;
  std::unique_ptr<store::store> s;
  explicit bench(variables more = {}) : s(open_s3(rt, server.endpoint(), std::move(more))) {}

  std::size_t count(const std::string& method, const std::string& part_of_target = "") const {
    const auto all = const_cast<fake_s3&>(server).peer().requests();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const received_request& r) {
      return r.method == method && r.target.find(part_of_target) != std::string::npos;
    }));
  }
};

bool is_completion(const received_request& r) {
  return r.method == "POST" && r.target.find("uploadId=") != std::string::npos;
}

task<> prepare_of(store::store& s) {
  co_await s.prepare();
}

} // namespace

TEST_CASE("a large object goes up in parts and comes back whole") {
  bench b;
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK(b.server.objects().at("p/wal_005/x") == large);
  CHECK(b.count("PUT", "partNumber=4") == 1);
  CHECK(b.count("PUT", "partNumber=5") == 0);
  CHECK(b.server.unfinished_uploads() == 0);
  CHECK(get(b.rt, *b.s, "wal_005/x") == large);
}

TEST_CASE("the payload is signed, computed beforehand or not") {
  bench b;
  const std::string content = noise(1'000'003, 7);
  for (const std::size_t more : {0, 12}) {
    auto put = [&]() -> task<> {
      store::put_request request;
      request.key = key_of("wal_005/x");
      request.staging = co_await b.rt.blocks().reserve(b.s->staging_blocks() + more);
      io::block_budget budget = co_await b.rt.blocks().reserve(2);
      const auto body = make_source(std::move(budget), content);
      co_await b.s->put(std::move(request), *body);
    };
    b.rt.run(put());
    const received_request last = b.server.peer().requests().back();
    REQUIRE(last.method == "PUT");
    sha256 digest;
    digest.update(std::as_bytes(std::span(last.body)));
    CHECK(last.header("x-amz-content-sha256") == to_hex(digest.finish()));
    CHECK((last.body == content));
  }
}

TEST_CASE("an error inside a 200 is a failure, and is repeated if it may pass") {
  bench b;
  std::atomic<int> times = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_completion(r) || times++ != 0) return std::nullopt;
    answer a = fake_s3::error(200, "InternalError");
    return a;
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large).what == outcome::stored);
  CHECK(times == 2);
  CHECK(b.server.objects().at("p/wal_005/x") == large);
}

TEST_CASE("an error inside a 200 that stays fails the put and leaves nothing") {
  bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_completion(r)) return std::nullopt;
    return fake_s3::error(200, "AccessDenied");
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", large); }));
  CHECK(b.server.objects().empty());
  CHECK(b.server.unfinished_uploads() == 0);
}

TEST_CASE("a completion whose answer was lost is known by its token") {
  bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (is_completion(r) && times++ == 0) a = lost();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK(times >= 2);
  CHECK(b.count("HEAD") >= 1);
}

TEST_CASE("a put whose answer was lost is known by its token, another's object is not") {
  bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "PUT" && times++ == 0) a = lost();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "mine", condition::create_only).what == outcome::stored);
  CHECK(b.count("PUT") == 2);
  CHECK(put(b.rt, *b.s, "wal_005/x", "other", condition::create_only).what == outcome::exists);
  CHECK(b.server.objects().at("p/wal_005/x") == "mine");
}

TEST_CASE("a success without an ETag is not believed") {
  bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "PUT" && times++ == 0) a.headers.clear();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(b.count("PUT") == 2);
}

TEST_CASE("the region is learned from the server") {
  bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.header("Authorization").find("/eu-west-3/s3/") != std::string::npos) return std::nullopt;
    return fake_s3::error(301, "PermanentRedirect", {{"x-amz-bucket-region", "eu-west-3"}});
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(get(b.rt, *b.s, "wal_005/x") == "content");
  CHECK(b.count("PUT") == 2);
  CHECK(b.count("GET") == 1);
}

TEST_CASE("a wrong clock is put right by the server's Date") {
  bench b;
  const std::time_t theirs = std::time(nullptr) + 3600;
  char date[64];
  std::tm utc{};
  gmtime_r(&theirs, &utc);
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  char hour[32];
  std::strftime(hour, sizeof hour, "%Y%m%dT%H", &utc);
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.header("X-Amz-Date").starts_with(hour)) return std::nullopt;
    return fake_s3::error(403, "RequestTimeTooSkewed", {{"Date", date}});
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(b.count("PUT") == 2);
}

TEST_CASE("a token that expires in the middle of an upload is refreshed") {
  scratch_dir dir;
  dir.write(
      "give",
      "#!/bin/sh\necho x >> " + (dir / "asked") + "\nn=$(wc -l < " + (dir / "asked") +
          ")\nprintf '{\"Version\":1,\"AccessKeyId\":\"k\",\"SecretAccessKey\":\"s\","
          "\"SessionToken\":\"token-%s\",\"Expiration\":\"2099-01-01T00:00:00Z\"}' $n\n");
  std::filesystem::permissions(dir / "give", std::filesystem::perms::all);
  dir.write("config", "[default]\ncredential_process = " + (dir / "give") + "\n");
  bench b(
      {{"AWS_ACCESS_KEY_ID", ""},
       {"AWS_SECRET_ACCESS_KEY", ""},
       {"AWS_SHARED_CREDENTIALS_FILE", dir / "none"},
       {"AWS_CONFIG_FILE", dir / "config"}});
  std::atomic<bool> expired = false;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.target.find("partNumber=2") != std::string::npos) expired = true;
    if (!expired || r.header("X-Amz-Security-Token") != "token-1") return std::nullopt;
    return fake_s3::error(400, "ExpiredToken");
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large).what == outcome::stored);
  CHECK(b.server.objects().at("p/wal_005/x") == large);
  CHECK(expired);
}

TEST_CASE("a token that is all there is and has expired is not tried again") {
  bench b(variables{{"AWS_SESSION_TOKEN", "old"}});
  b.server.before([](const received_request&) { return fake_s3::error(400, "ExpiredToken"); });
  const auto f = failure_of([&] { put(b.rt, *b.s, "wal_005/x", "content"); });
  REQUIRE(f);
  CHECK(f->text().detail.find("ExpiredToken") != std::string::npos);
  CHECK(f->text().hint.find("AWS_SESSION_TOKEN") != std::string::npos);
  CHECK(b.count("PUT") == 1);
}

TEST_CASE("where overwriting cannot be forbidden it is asked first, and that is remembered") {
  bench b;
  std::atomic<int> refused = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!r.has_header("If-None-Match")) return std::nullopt;
    ++refused;
    return fake_s3::error(501, "NotImplemented");
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "one", condition::create_only).what == outcome::stored);
  CHECK(put(b.rt, *b.s, "wal_005/x", "two", condition::create_only).what == outcome::exists);
  const auto next_process = open_s3(b.rt, b.server.endpoint());
  CHECK(put(b.rt, *next_process, "wal_005/x", "3", condition::create_only).what == outcome::exists);
  CHECK(
      put(b.rt, *next_process, "wal_005/y", large, condition::create_only).what == outcome::stored);
  CHECK(
      put(b.rt, *next_process, "wal_005/y", large, condition::create_only).what == outcome::exists);
  CHECK(refused == 1);
  CHECK(b.server.objects().at("p/wal_005/x") == "one");
}

TEST_CASE("a server that lacks something else is not remembered as one that cannot forbid") {
  bench b;
  std::atomic<bool> lacks_encryption = true;
  std::atomic<int> asked = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method == "HEAD") ++asked;
    const bool makes = r.method == "PUT" || is_completion(r);
    if (!lacks_encryption || !makes) return std::nullopt;
    return fake_s3::error(501, "NotImplemented");
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", "one", condition::create_only); }));
  lacks_encryption = false;
  asked = 0;
  CHECK(put(b.rt, *b.s, "wal_005/x", "two", condition::create_only).what == outcome::stored);
  CHECK(put(b.rt, *b.s, "wal_005/y", large, condition::create_only).what == outcome::stored);
  CHECK(asked == 0);
}

TEST_CASE("only the store's own word proves absence") {
  bench b;
  CHECK_FALSE(get(b.rt, *b.s, "wal_005/x"));
  answer what;
  b.server.before([&](const received_request&) -> std::optional<answer> { return what; });
  what = fake_s3::error(404, "NoSuchBucket");
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
  what = answer();
  what.status = 404;
  what.body = "<html>not found</html>";
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
  what.body = "";
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
}

TEST_CASE("a refusal is final at once, unless it is to be taken for absence") {
  bench b;
  b.server.before([&](const received_request&) -> std::optional<answer> {
    return fake_s3::error(403, "AccessDenied");
  });
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(b.count("GET") == 1);
  CHECK(f->text().detail.find("AccessDenied") != std::string::npos);
  CHECK(f->text().detail.find(the_secret) == std::string::npos);
  const auto trusting = open_s3(b.rt, b.server.endpoint(), {{"WALE_403_IS_ABSENT", "1"}});
  CHECK_FALSE(get(b.rt, *trusting, "wal_005/x"));
}

TEST_CASE("a download is taken up where it broke off, of the same object") {
  bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  std::atomic<int> cuts = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "GET" || cuts++ >= 3) return;
    a.cut_body_at = 3'000'000;
    a.reset = cuts == 2;
  });
  CHECK(get(b.rt, *b.s, "wal_005/x") == large);
  const auto all = b.server.peer().requests();
  CHECK(all.back().header("Range").starts_with("bytes="));
  CHECK(all.back().header("If-Match").starts_with("\"etag-"));
}

TEST_CASE("an object that is replaced while it is read is never mixed") {
  bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  std::atomic<int> cuts = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "GET" || cuts++ != 0) return;
    a.cut_body_at = 3'000'000;
  });
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!r.has_header("If-Match")) return std::nullopt;
    return fake_s3::error(412, "PreconditionFailed");
  });
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::corrupt);
}

TEST_CASE("keys that could not be removed fail the removal") {
  bench b;
  put(b.rt, *b.s, "wal_005/x", "x");
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.target.find("delete") == std::string::npos) return std::nullopt;
    answer a;
    a.body = "<DeleteResult><Error><Key>p/wal_005/x</Key><Code>AccessDenied</Code>"
             "<Message>no</Message></Error></DeleteResult>";
    return a;
  });
  const auto f = failure_of([&] { remove(b.rt, *b.s, {"wal_005/x"}); });
  REQUIRE(f);
  CHECK(f->text().detail.find("AccessDenied") != std::string::npos);
  CHECK(b.server.objects().size() == 1);
}

TEST_CASE("1,000 keys are removed in one request, one more takes another") {
  bench b;
  std::vector<std::string> keys;
  for (int i = 0; i < 1000; ++i)
    keys.push_back("wal_005/" + std::to_string(i));
  put(b.rt, *b.s, keys.front(), "x");
  put(b.rt, *b.s, keys.back(), "x");
  remove(b.rt, *b.s, keys);
  CHECK(b.server.objects().empty());
  CHECK(b.count("POST", "?delete") == 1);

  keys.emplace_back("wal_005/last");
  put(b.rt, *b.s, keys.back(), "x");
  remove(b.rt, *b.s, keys);
  CHECK(b.server.objects().empty());
  CHECK(b.count("POST", "?delete") == 1 + 2);
}

TEST_CASE("uploads that a crash left behind are swept, young ones are not") {
  bench b;
  b.server.begin_upload("p/basebackups_005/old", "2020-01-01T00:00:00.000Z");
  b.server.begin_upload("p/basebackups_005/young", "2099-01-01T00:00:00.000Z");
  b.server.begin_upload("other/old", "2020-01-01T00:00:00.000Z");
  b.rt.run(prepare_of(*b.s));
  CHECK(b.server.unfinished_uploads() == 2);
}

TEST_CASE("the S3 store keeps the contract") {
  own_notes notes;
  scratch_dir dir; // of keys in a file others may come, unlike of those in the environment
  dir.write("keys", "[default]\naws_access_key_id = key\naws_secret_access_key = secret\n");
  const variables from_file{
      {"AWS_ACCESS_KEY_ID", ""},
      {"AWS_SECRET_ACCESS_KEY", ""},
      {"AWS_SHARED_CREDENTIALS_FILE", dir / "keys"},
      {"AWS_CONFIG_FILE", dir / "none"}};
  fake_s3 server;
  std::atomic<bool> loses = false;
  std::atomic<bool> expires = false;
  std::atomic<std::size_t> cuts_at = 0;
  server.before([&](const received_request&) -> std::optional<answer> {
    if (!expires.exchange(false)) return std::nullopt;
    return fake_s3::error(400, "ExpiredToken");
  });
  server.after([&](const received_request& r, answer& a) {
    const bool stores = r.method == "PUT" && r.target.find("partNumber") == std::string::npos;
    if ((stores || is_completion(r)) && loses.exchange(false)) a = lost();
    if (r.method == "GET" && a.body.size() > cuts_at && cuts_at != 0)
      a.cut_body_at = cuts_at.exchange(0);
  });

  store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_s3(rt, server.endpoint(), from_file); };
  fixture.open_missing = [&](io::runtime& rt) {
    return open_s3(rt, server.endpoint(), from_file, "s3://missing/p");
  };
  fixture.part_bytes = part_size;
  fixture.race = race_in_one_loop(fixture.open);
  fixture.race_rounds = 100; // the thousand are for a real server, in tests/e2e
  fixture.lose_next_answer = [&] { loses = true; };
  fixture.expire_token = [&] { expires = true; };
  fixture.cut_next_body = [&](std::size_t n) { cuts_at = n; };
  check_conformance(fixture);
}
