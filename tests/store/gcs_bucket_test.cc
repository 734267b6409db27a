// What the driver for Google Cloud Storage mends and what it believes, of odd refusals and answers.
#include "gcs_bench.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;

namespace {

std::string token_of(const received_request& r) {
  return r.header("Authorization");
}

} // namespace

TEST_CASE("gcs: what a policy or a hold protects stays, the others are removed") {
  const std::string held =
      "Object 'bucket/x' is under active Temporary hold and cannot be deleted.";
  for (const auto& [reason, message] :
       {std::pair{"retentionPolicyNotMet", std::string("no")},
        {"objectUnderActiveHold", "no"},
        {"forbidden", held}}) {
    gcs_bench b;
    std::vector<std::string> keys;
    for (int i = 10; i < 60; ++i) {
      keys.push_back("wal_005/" + std::to_string(i));
      put(b.rt, *b.s, keys.back(), "x");
    }
    b.server.before([&](const received_request& r) -> std::optional<answer> {
      if (r.method != "DELETE" || !r.target.ends_with("10")) return std::nullopt;
      return fake_gcs::error(403, reason, message);
    });
    const auto f = failure_of([&] { remove(b.rt, *b.s, keys); });
    REQUIRE(f);
    CHECK(f->text().detail.find(reason) != std::string::npos);
    CHECK(b.server.objects().size() == 1);
  }
}

TEST_CASE("gcs: only a bucket that can be read proves absence") {
  gcs_bench b;
  CHECK_FALSE(get(b.rt, *b.s, "wal_005/x"));
  CHECK_FALSE(head(b.rt, *b.s, "wal_005/x"));
  answer what = fake_gcs::error(404, "notFound");
  b.server.before([&](const received_request&) -> std::optional<answer> { return what; });
  const auto fails = [&] {
    return failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable &&
           failure_of([&] { head(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable &&
           failure_of([&] { remove(b.rt, *b.s, {"wal_005/x"}); })->why() == kind::unavailable;
  };
  CHECK(fails());
  what = answer();
  what.status = 404;
  what.body = "<html>not found</html>";
  CHECK(fails());
}

TEST_CASE("gcs: a success that is no listing proves nothing") {
  gcs_bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.target.find("maxResults=1&") == std::string::npos) return std::nullopt;
    answer a;
    a.body = "{}";
    return a;
  });
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
}

TEST_CASE("gcs: a refusal is final at once, unless it is to be taken for absence") {
  gcs_bench b;
  b.server.before([&](const received_request&) -> std::optional<answer> {
    return fake_gcs::error(403, "forbidden", "x does not have storage.objects.get access");
  });
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(b.requests("GET").size() == 1);
  CHECK(f->text().detail.find("storage.objects.get") != std::string::npos);
  const auto trusting =
      open_gcs(b.rt, {{"STORAGE_EMULATOR_HOST", b.server.endpoint()}, {"WALE_403_IS_ABSENT", "1"}});
  CHECK_FALSE(get(b.rt, *trusting, "wal_005/x"));
}

TEST_CASE("gcs: a 403 for another reason than lacking rights is never absence") {
  gcs_bench b;
  const auto trusting =
      open_gcs(b.rt, {{"STORAGE_EMULATOR_HOST", b.server.endpoint()}, {"WALE_403_IS_ABSENT", "1"}});
  for (const char* reason : {"accountDisabled", "insufficientPermissions"}) {
    CAPTURE(reason);
    b.server.before([=](const received_request&) -> std::optional<answer> {
      return fake_gcs::error(403, reason, "no");
    });
    CHECK(failure_of([&] { get(b.rt, *trusting, "wal_005/x"); }));
    CHECK(failure_of([&] { head(b.rt, *trusting, "wal_005/x"); }));
  }
  b.server.before([](const received_request& r) -> std::optional<answer> {
    answer a = fake_gcs::error(403, "forbidden", "no");
    if (r.target.find("alt=media") != std::string::npos) a.body = "no";
    return a;
  });
  CHECK_FALSE(get(b.rt, *trusting, "wal_005/x"));
}

TEST_CASE("gcs: an empty page with more behind it is no end") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", "content");
  std::atomic<int> pages = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.target.find("maxResults") == std::string::npos || pages++ > 0) return std::nullopt;
    answer a;
    a.body = R"({"kind":"storage#objects","nextPageToken":"/p/"})";
    return a;
  });
  CHECK(list(b.rt, *b.s, "") == std::vector<std::string>{"wal_005/x"});
}

TEST_CASE("gcs: a token that is refused is fetched anew, once") {
  fake_gcs server;
  token_server tokens;
  io::runtime rt;
  const std::string host = tokens.peer.url().substr(7);
  const auto s = open_gcs(
      rt,
      {{"WALE_GS_ENDPOINT", server.endpoint()},
       {"GCE_METADATA_HOST", host},
       {"CLOUDSDK_CONFIG", "/nonexistent"}});
  std::atomic<int> refused = 0;
  std::string good = "Bearer token-1";
  server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.header("Content-Range").starts_with("bytes 6291456")) good = "Bearer token-2";
    if (token_of(r) == good) return std::nullopt;
    ++refused;
    return fake_gcs::error(401, "authError", "Invalid Credentials");
  });
  CHECK(put(rt, *s, "wal_005/x", large).what == outcome::stored);
  CHECK(refused == 1);
  CHECK((server.objects().at("/p/wal_005/x").body == large));
  CHECK(tokens.peer.requests()[0].header("Metadata-Flavor") == "Google");

  good = "none";
  refused = 0;
  const auto f = failure_of([&] { get(rt, *s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(f->why() == kind::configuration);
  CHECK(refused == 2);
  CHECK(f->text().hint.find("GOOGLE_APPLICATION_CREDENTIALS") != std::string::npos);
  CHECK(f->text().detail.find("token-") == std::string::npos);
}

TEST_CASE("gcs: a token goes to nobody in the clear, and none to an emulator") {
  io::runtime rt;
  CHECK(failure_of([&] {
          open_gcs(rt, {{"WALE_GS_ENDPOINT", "http://gcs.example"}});
        })->why() == kind::configuration);
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", "content");
  CHECK_FALSE(b.server.peer().requests()[0].has_header("Authorization"));
}
