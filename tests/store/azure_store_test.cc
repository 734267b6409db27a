// The Azure store against a small Blob service in memory that does on command what a real one will
// not do.
#include "fake_azure.hpp"
#include "scripted_store.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;
using condition = store::put_condition;

namespace {

// "SECRET-that-nobody-may-see" in base64.
constexpr const char* the_key = "U0VDUkVULXRoYXQtbm9ib2R5LW1heS1zZWU=";

std::unique_ptr<store::store> open_azure(
    io::runtime& rt,
    const std::string& endpoint,
    variables more = {},
    const std::string& prefix = "wabs://container/p") {
  variables usual{
      {"WALE_WABS_ENDPOINT", endpoint},
      {"WABS_ACCOUNT_NAME", "account"},
      {"WABS_ACCESS_KEY", the_key},
      {"WALE_RETRIES", "4"}};
  return store::open_store(rt, prefix, settings_of(std::move(usual), std::move(more)));
}

struct bench {
  fake_azure server;
  io::runtime rt;
  std::unique_ptr<store::store> s;
  explicit bench(variables more = {}) : s(open_azure(rt, server.endpoint(), std::move(more))) {}

  std::size_t count(const std::string& method, const std::string& part_of_target = "") const {
    const auto all = const_cast<fake_azure&>(server).peer().requests();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const received_request& r) {
      return r.method == method && r.target.find(part_of_target) != std::string::npos;
    }));
  }
};

bool is_commit(const received_request& r) {
  return r.target.find("comp=blocklist") != std::string::npos;
}

} // namespace

TEST_CASE("a large object goes up to Azure in blocks and comes back whole") {
  bench b;
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK(b.server.blobs().at("p/wal_005/x") == large);
  CHECK(b.count("PUT", "comp=block&") == 4);
  CHECK(get(b.rt, *b.s, "wal_005/x") == large);
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::exists);
}

TEST_CASE("a list of blocks whose answer was lost is known by its token") {
  bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (is_commit(r) && times++ == 0) a = lost();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK(times >= 2);
  CHECK(b.count("HEAD") >= 1);
}

TEST_CASE("blocks that another writer's commit has dropped mean that its blob exists") {
  bench b;
  const auto other = open_azure(b.rt, b.server.endpoint());
  put(b.rt, *other, "wal_005/x", "theirs");
  std::atomic<int> times = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_commit(r) || times++ != 0) return std::nullopt;
    return fake_azure::error(400, "InvalidBlockList");
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::exists);
  CHECK(b.server.blobs().at("p/wal_005/x") == "theirs");
}

TEST_CASE("blocks that are gone without a blob fail the put") {
  bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!is_commit(r)) return std::nullopt;
    return fake_azure::error(400, "InvalidBlockList");
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", large, condition::create_only); }));
  CHECK(b.server.blobs().empty());
}

TEST_CASE("a put to Azure whose answer was lost is known by its token, another's blob is not") {
  bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "PUT" && times++ == 0) a = lost();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "mine", condition::create_only).what == outcome::stored);
  CHECK(b.count("PUT") == 2);
  CHECK(put(b.rt, *b.s, "wal_005/x", "other", condition::create_only).what == outcome::exists);
  CHECK(b.server.blobs().at("p/wal_005/x") == "mine");
}

TEST_CASE("what a policy or a signature protects exists already") {
  bench b;
  for (const auto& [status, code] :
       {std::pair{409, "BlobImmutableDueToPolicy"},
        {409, "BlobImmutableDueToLegalHold"},
        {403, "UnauthorizedBlobOverwrite"}}) {
    b.server.before([&](const received_request& r) -> std::optional<answer> {
      if (r.method != "PUT") return std::nullopt;
      return fake_azure::error(status, code);
    });
    CHECK(put(b.rt, *b.s, "wal_005/x", "mine", condition::create_only).what == outcome::exists);
    CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", "mine"); }));
  }
}

TEST_CASE("a body that was damaged on its way is sent again") {
  bench b;
  std::atomic<int> times = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "PUT" || times++ != 0) return std::nullopt;
    return fake_azure::error(400, "Md5Mismatch");
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(times == 2);
}

TEST_CASE("a success of Azure without an ETag is not believed") {
  bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "PUT" && times++ == 0) a.headers.clear();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(b.count("PUT") == 2);
}

TEST_CASE("a wrong clock is put right by Azure's Date, a wrong key is told at once") {
  bench b;
  const std::time_t theirs = std::time(nullptr) + 3600;
  char date[64];
  std::tm utc{};
  gmtime_r(&theirs, &utc);
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  const std::string hour = std::string(date).substr(0, 19);
  std::atomic<bool> refuses_all = false;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!refuses_all && r.header("x-ms-date").starts_with(hour)) return std::nullopt;
    return fake_azure::error(403, "AuthenticationFailed", {{"Date", date}});
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
  CHECK(b.count("PUT") == 2);
  refuses_all = true;
  const auto f = failure_of([&] { put(b.rt, *b.s, "wal_005/x", "content"); });
  REQUIRE(f);
  CHECK(f->why() == kind::configuration);
  CHECK(b.count("PUT") == 3);
  CHECK(f->text().detail.find(the_key) == std::string::npos);
}

TEST_CASE("only Azure's own word proves absence") {
  bench b;
  CHECK_FALSE(get(b.rt, *b.s, "wal_005/x"));
  CHECK_FALSE(head(b.rt, *b.s, "wal_005/x"));
  answer what;
  b.server.before([&](const received_request&) -> std::optional<answer> { return what; });
  const auto both_fail = [&] {
    CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
    CHECK(failure_of([&] { head(b.rt, *b.s, "wal_005/x"); })->why() == kind::unavailable);
  };
  for (const char* code : {"ContainerNotFound", "ContainerBeingDeleted", "ResourceNotFound"}) {
    what = fake_azure::error(404, code);
    both_fail();
  }
  what = answer();
  what.status = 404;
  what.body = "<html>not found</html>";
  both_fail();
  what.body = "";
  both_fail();
  what = fake_azure::error(403, "BlobNotFound");
  both_fail();
}

TEST_CASE("a refusal of Azure's is final at once and names what it lacks") {
  bench b;
  b.server.before([&](const received_request&) -> std::optional<answer> {
    return fake_azure::error(403, "AuthorizationPermissionMismatch");
  });
  const auto f = failure_of([&] { get(b.rt, *b.s, "wal_005/x"); });
  REQUIRE(f);
  CHECK(b.count("GET") == 1);
  CHECK(f->text().detail.find("AuthorizationPermissionMismatch") != std::string::npos);
  CHECK(f->text().hint.find("Storage Blob Data Contributor") != std::string::npos);
}

TEST_CASE("a download from Azure is taken up where it broke off, of the same blob") {
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
  CHECK(all.back().header("If-Match").starts_with("\"0x"));
}

TEST_CASE("a blob that is replaced while it is read is never mixed") {
  bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  std::atomic<int> cuts = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "GET" && cuts++ == 0) a.cut_body_at = 3'000'000;
  });
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (!r.has_header("If-Match")) return std::nullopt;
    return fake_azure::error(412, "ConditionNotMet");
  });
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::corrupt);
}

TEST_CASE("a listing goes on at Azure's marker, also over empty pages") {
  bench b;
  b.server.page_size(2);
  for (const char* name : {"a", "b", "c", "d", "e"})
    put(b.rt, *b.s, std::string("wal_005/") + name, name);
  std::atomic<int> pages = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.target.find("comp=list") == std::string::npos || pages++ != 1) return;
    // What the second page would have had comes on a third one.
    a.body = "<EnumerationResults><Blobs /><NextMarker>"
             "zb/500_law/p</NextMarker></EnumerationResults>";
  });
  CHECK(list(b.rt, *b.s, "wal_005/").size() == 5);
  CHECK(pages == 4);
  const auto objects = list_objects(b.rt, *b.s, "wal_005/");
  CHECK(objects.at(0).last_modified == "2026-11-20 18:45:57+00:00");
}

TEST_CASE("blobs that could not be removed fail the removal, the others go") {
  bench b;
  put(b.rt, *b.s, "wal_005/x", "x");
  put(b.rt, *b.s, "wal_005/y", "y");
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "DELETE" || !r.target.ends_with("/x")) return std::nullopt;
    return fake_azure::error(409, "SnapshotsPresent");
  });
  const auto f = failure_of([&] { remove(b.rt, *b.s, {"wal_005/x", "wal_005/y", "wal_005/z"}); });
  REQUIRE(f);
  CHECK(f->text().detail.find("SnapshotsPresent") != std::string::npos);
  CHECK(b.server.blobs().size() == 1);
}

TEST_CASE("a shared access signature goes with every request, and no signature of ours") {
  bench b({{"WABS_ACCESS_KEY", ""}, {"WABS_SAS_TOKEN", "?sv=2025-11-05&sp=rcwdl&sig=a%2Bb%3D"}});
  put(b.rt, *b.s, "wal_005/x", large);
  CHECK(get(b.rt, *b.s, "wal_005/x") == large);
  CHECK(list(b.rt, *b.s, "").size() == 1);
  const auto all = b.server.peer().requests();
  CHECK(std::ranges::all_of(all, [](const received_request& r) {
    return r.target.ends_with("sv=2025-11-05&sp=rcwdl&sig=a%2Bb%3D") &&
           !r.has_header("Authorization");
  }));
}

TEST_CASE("the Azure store keeps the contract") {
  // A token instead of a key, so that it can expire: over TLS, from a metadata service.
  peer_options tls;
  tls.tls = true;
  fake_azure server(tls);
  std::atomic<int> asked = 0;
  scripted_peer metadata([&](const received_request&) {
    answer a;
    a.body =
        "{\"access_token\": \"token-" + std::to_string(++asked) + "\", \"expires_in\": \"3599\"}";
    return a;
  });
  std::atomic<bool> loses = false;
  std::atomic<bool> expires = false;
  std::atomic<std::size_t> cuts_at = 0;
  server.before([&](const received_request& r) -> std::optional<answer> {
    if (!r.header("Authorization").starts_with("Bearer token-"))
      return fake_azure::error(401, "NoAuthenticationInformation");
    if (!expires.exchange(false)) return std::nullopt;
    return fake_azure::error(401, "InvalidAuthenticationInfo");
  });
  server.after([&](const received_request& r, answer& a) {
    const bool stores = r.method == "PUT" && r.target.find("comp=block&") == std::string::npos;
    if (stores && loses.exchange(false)) a = lost();
    if (r.method == "GET" && a.body.size() > cuts_at && cuts_at != 0)
      a.cut_body_at = cuts_at.exchange(0);
  });

  const variables more{
      {"WABS_ACCESS_KEY", ""},
      {"WALE_WABS_MANAGED_IDENTITY", "1"},
      {"AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.url()},
      {"WALE_CA_FILE", ca_file()}};
  store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_azure(rt, server.endpoint(), more); };
  fixture.open_missing = [&](io::runtime& rt) {
    return open_azure(rt, server.endpoint(), more, "wabs://missing/p");
  };
  fixture.part_bytes = part_size;
  fixture.race = race_in_one_loop(fixture.open);
  fixture.race_rounds = 30; // the thousand are for a real server, in tests/e2e
  fixture.lose_next_answer = [&] { loses = true; };
  fixture.expire_token = [&] { expires = true; };
  fixture.cut_next_body = [&](std::size_t n) { cuts_at = n; };
  check_conformance(fixture);
}
