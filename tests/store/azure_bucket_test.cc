// What the Azure driver mends and what it believes, where several requests or odd refusals meet.
#include "fake_azure.hpp"
#include "refused_together.hpp"
#include "scripted_store.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <string>

using namespace wale;
using namespace wale::test;

namespace {

std::unique_ptr<store::store>
open_azure(io::runtime& rt, const std::string& endpoint, variables all) {
  all["WALE_WABS_ENDPOINT"] = endpoint;
  all["WABS_ACCOUNT_NAME"] = "account";
  all["WALE_RETRIES"] = "20";
  return store::open_store(rt, "wabs://container/p", settings_of(std::move(all)));
}

// "secret" in base64.
const variables with_key{{"WABS_ACCESS_KEY", "c2VjcmV0"}};

/// A metadata service that numbers its tokens, and a store that wants one, over TLS.
struct token_bench {
  std::atomic<int> tokens = 0;
  scripted_peer metadata{[this](const received_request&) {
    answer a;
    a.body =
        R"({"access_token": "token-)" + std::to_string(++tokens) + R"(", "expires_in": "3599"})";
    return a;
  }};
  fake_azure server{with_tls()};
  io::runtime rt;
  std::unique_ptr<store::store> s = open_azure(
      rt,
      server.endpoint(),
      {{"WALE_WABS_MANAGED_IDENTITY", "1"},
       {"AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.url()},
       {"WALE_CA_FILE", ca_file()}});

  static peer_options with_tls() {
    peer_options o;
    o.tls = true;
    return o;
  }
};

} // namespace

TEST_CASE("azure: a wrong clock is put right for all requests that are refused together") {
  fake_azure server;
  io::runtime rt;
  const auto s = open_azure(rt, server.endpoint(), with_key);
  const std::string date = in_an_hour("%a, %d %b %Y %H:%M:%S GMT");
  const std::string hour = date.substr(0, 19);
  server.before(refusing_two_together(
      [=](const received_request& r) { return !r.header("x-ms-date").starts_with(hour); },
      fake_azure::error(403, "AuthenticationFailed", {{"Date", date}})));
  REQUIRE_NOTHROW(put_two(rt, *s));
  CHECK(server.blobs().size() == 2);
}

TEST_CASE("azure: a token is renewed once for all requests that are refused together") {
  token_bench b;
  b.server.before(refusing_two_together(
      [](const received_request& r) { return r.header("Authorization") == "Bearer token-1"; },
      fake_azure::error(401, "InvalidAuthenticationInfo")));
  REQUIRE_NOTHROW(put_two(b.rt, *b.s));
  CHECK(b.server.blobs().size() == 2);
  CHECK(b.tokens == 2);
}

TEST_CASE("azure: a store that refuses fresh tokens too is not asked again and again") {
  token_bench b;
  b.server.before([](const received_request&) -> std::optional<answer> {
    return fake_azure::error(401, "InvalidAuthenticationInfo");
  });
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(f->text().hint.find("tenant") != std::string::npos);
  CHECK(b.server.peer().requests().size() == 2);
}

TEST_CASE("azure: a token that the store has taken may expire, and the next one too") {
  token_bench b;
  std::atomic<int> good = 1;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.header("Authorization") == "Bearer token-" + std::to_string(good)) return std::nullopt;
    return fake_azure::error(401, "InvalidAuthenticationInfo");
  });
  for (int i = 0; i < 3; ++i, ++good)
    CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == store::put_result::outcome::stored);
}

TEST_CASE("azure: a blob under a lease stays, the others are removed") {
  fake_azure server;
  io::runtime rt;
  const auto s = open_azure(rt, server.endpoint(), with_key);
  std::vector<std::string> keys;
  for (int i = 10; i < 60; ++i) {
    keys.push_back("wal_005/" + std::to_string(i));
    put(rt, *s, keys.back(), "x");
  }
  // "Blob service error codes": Precondition Failed (412).
  server.before([](const received_request& r) -> std::optional<answer> {
    if (r.method != "DELETE" || !r.target.ends_with("/10")) return std::nullopt;
    return fake_azure::error(412, "LeaseIdMissing");
  });
  const auto f = failure_of([&] { remove(rt, *s, keys); });
  REQUIRE(f);
  CHECK(f->text().detail.find("LeaseIdMissing") != std::string::npos);
  CHECK(server.blobs().size() == 1);
}
