// The store on Google Cloud Storage against a small one in memory that does on command what a real
// one will not do.
#include "gcs_bench.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

using namespace wale;
using namespace wale::test;
using outcome = store::put_result::outcome;
using condition = store::put_condition;

namespace {

bool stores(const received_request& r) {
  return r.target.find("uploadType=multipart") != std::string::npos ||
         (r.method == "PUT" && !r.header("Content-Range").ends_with("/*"));
}

} // namespace

TEST_CASE("gcs: names begin with a slash, as WAL-E's do") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", "content");
  CHECK(b.server.objects().begin()->first == "/p/wal_005/x");
  store::object_key key;
  key.name = "wal_005/x";
  CHECK(b.s->url(key) == "gs://bucket/p/wal_005/x");
  CHECK(b.s->prefix() == "p/");
  CHECK(b.s->kind_name() == "gs");
  const auto bare =
      open_gcs(b.rt, {{"STORAGE_EMULATOR_HOST", b.server.endpoint()}}, "gs://bucket/");
  put(b.rt, *bare, "wal_005/x", "content");
  CHECK(b.server.objects().contains("/wal_005/x"));
}

TEST_CASE("gcs: a small object goes up in one request, with its metadata") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", "content", condition::create_only);
  CHECK(b.server.peer().requests().size() == 1);
  const fake_gcs::object o = b.server.objects().at("/p/wal_005/x");
  CHECK(o.body == "content");
  CHECK(o.type == "application/octet-stream");
  CHECK(o.metadata.at("wale-upload").size() == 32);
  CHECK(list_objects(b.rt, *b.s, "")[0].last_modified == "2026-11-20 18:45:57.123000+00:00");
}

TEST_CASE("gcs: a large object goes up in chunks one after the other") {
  gcs_bench b;
  CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
  CHECK((b.server.objects().at("/p/wal_005/x").body == large));
  CHECK(
      b.ranges() == std::vector<std::string>{
                        "bytes 0-6291455/*",
                        "bytes 6291456-12582911/*",
                        "bytes 12582912-18874367/*",
                        "bytes 18874368-18886712/18886713"});
  CHECK(b.server.sessions() == 0);
}

TEST_CASE("gcs: an upload of whole chunks only is ended by a request without bytes") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", large.substr(0, 3 * part_size));
  CHECK(b.ranges().back() == "bytes */18874368");
  CHECK((b.server.objects().at("/p/wal_005/x").body == large.substr(0, 3 * part_size)));
}

TEST_CASE("gcs: a server may take less than was sent") {
  gcs_bench b;
  b.server.keep_at_most(2 * 1024 * 1024 + 100);
  put(b.rt, *b.s, "wal_005/x", large);
  CHECK((b.server.objects().at("/p/wal_005/x").body == large));
  CHECK(b.ranges()[1] == "bytes 2097152-6291455/*");
}

TEST_CASE("gcs: after a break the session is asked how far it came") {
  gcs_bench b;
  b.server.keep_at_most(4 * 1024 * 1024);
  std::atomic<int> chunks = 0;
  b.server.after([&](const received_request& r, answer& a) {
    // The client repeats the first by itself, as it went over a kept connection.
    if (r.method == "PUT" && (++chunks == 2 || chunks == 3)) a = lost();
  });
  put(b.rt, *b.s, "wal_005/x", large);
  CHECK((b.server.objects().at("/p/wal_005/x").body == large));
  const auto all = b.ranges();
  CHECK(std::ranges::find(all, "bytes */*") != all.end());
}

TEST_CASE("gcs: the lost answer to the last chunk is settled by the session, or by the object") {
  for (const bool session_is_gone : {false, true}) {
    gcs_bench b;
    std::atomic<bool> was_lost = false;
    b.server.after([&](const received_request& r, answer& a) {
      if (stores(r) && !was_lost.exchange(true)) a = lost();
    });
    b.server.before([&](const received_request& r) -> std::optional<answer> {
      if (session_is_gone && was_lost && r.method == "PUT") return fake_gcs::error(404, "notFound");
      return std::nullopt;
    });
    CHECK(put(b.rt, *b.s, "wal_005/x", large, condition::create_only).what == outcome::stored);
    CHECK(was_lost);
    CHECK((b.server.objects().at("/p/wal_005/x").body == large));
  }
}

TEST_CASE("gcs: a session that the server forgot fails the upload, and nothing is there") {
  gcs_bench b;
  std::atomic<int> chunks = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "PUT" || ++chunks < 2) return std::nullopt;
    return fake_gcs::error(410, "uploadBrokenConnection");
  });
  const auto f = failure_of([&] { put(b.rt, *b.s, "wal_005/x", large); });
  REQUIRE(f);
  CHECK(f->why() == kind::unavailable);
  CHECK(b.server.objects().empty());
}

TEST_CASE("gcs: a session that lost what it had acknowledged fails the upload") {
  gcs_bench b;
  std::atomic<int> chunks = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "PUT" || ++chunks != 2) return;
    a.status = 308;
    a.headers = {{"Range", "bytes=0-99"}};
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", large); }));
  CHECK(b.server.objects().empty());
  CHECK(b.server.sessions() == 0);
}

TEST_CASE("gcs: a failing body leaves neither object nor session") {
  gcs_bench b;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.header("Content-Range").starts_with("bytes 6291456"))
      return fake_gcs::error(403, "forbidden");
    return std::nullopt;
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", large); }));
  CHECK(b.server.sessions() == 0);
  CHECK(b.requests("DELETE").size() == 1);
}

TEST_CASE("gcs: an upload may be refused at its beginning, because the object is there") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", "mine");
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.target.find("uploadType=resumable&name") == std::string::npos) return std::nullopt;
    return fake_gcs::error(412, "conditionNotMet");
  });
  const auto result = put(b.rt, *b.s, "wal_005/x", large, condition::create_only);
  CHECK(result.what == outcome::exists);
  CHECK(result.bytes == large.size());
  CHECK(b.server.objects().at("/p/wal_005/x").body == "mine");
}

TEST_CASE("gcs: a put whose answer was lost is known by its token, another's object is not") {
  gcs_bench b;
  std::atomic<int> times = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "POST" && times++ == 0) a = lost();
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "mine", condition::create_only).what == outcome::stored);
  CHECK(b.requests("POST").size() == 2);
  CHECK(put(b.rt, *b.s, "wal_005/x", "other", condition::create_only).what == outcome::exists);
  CHECK(b.server.objects().at("/p/wal_005/x").body == "mine");
}

TEST_CASE("gcs: bytes that were damaged on their way up do not stay") {
  gcs_bench b;
  b.server.lie_about_sums("AAAAAA==");
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", "content"); }));
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/y", large); }));
  CHECK(b.server.objects().empty());
}

TEST_CASE("gcs: bytes that were damaged and cannot be removed are not found to be stored") {
  gcs_bench b;
  b.server.lie_about_sums("AAAAAA==");
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "DELETE") return std::nullopt;
    return fake_gcs::error(403, "forbidden");
  });
  CHECK(failure_of([&] { put(b.rt, *b.s, "wal_005/x", "content", condition::create_only); }));
  CHECK(b.requests("POST").size() == 1);
}

TEST_CASE("gcs: a refusal of damaged bytes is no refusal for good") {
  gcs_bench b;
  std::atomic<int> times = 0;
  b.server.before([&](const received_request& r) -> std::optional<answer> {
    if (r.method != "POST" || times++ > 0) return std::nullopt;
    return fake_gcs::error(400, "invalid", "Provided CRC32C \"x\" doesn't match calculated CRC32C");
  });
  CHECK(put(b.rt, *b.s, "wal_005/x", "content").what == outcome::stored);
}

TEST_CASE("gcs: bytes that were damaged on their way down are corrupt") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  std::atomic<int> cuts = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "GET") return;
    a.body[1'000'000] = static_cast<char>(~a.body[1'000'000]);
    if (cuts++ == 0) a.cut_body_at = 3'000'000;
  });
  CHECK(failure_of([&] { get(b.rt, *b.s, "wal_005/x"); })->why() == kind::corrupt);
}

TEST_CASE("gcs: a download is taken up where it broke off, of the same generation") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  std::atomic<int> cuts = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method != "GET" || cuts++ >= 3) return;
    a.cut_body_at = 3'000'000;
    a.reset = cuts == 2;
  });
  CHECK((get(b.rt, *b.s, "wal_005/x") == large));
  const auto all = b.server.peer().requests();
  CHECK(all.back().header("Range").starts_with("bytes="));
  CHECK(all.back().target.find("&generation=17") != std::string::npos);
}

TEST_CASE("gcs: an object that is replaced while it is read is never mixed") {
  gcs_bench b;
  put(b.rt, *b.s, "wal_005/x", large);
  std::atomic<int> cuts = 0;
  b.server.after([&](const received_request& r, answer& a) {
    if (r.method == "GET" && cuts++ == 0) a.cut_body_at = 3'000'000;
  });
  const auto replace = [&]() -> task<> {
    const auto other = fake_gcs::error(404, "notFound", "No such object");
    b.server.before([other](const received_request& r) -> std::optional<answer> {
      if (r.target.find("generation=") == std::string::npos) return std::nullopt;
      return other;
    });
    co_return;
  };
  CHECK(failure_of([&] { get_in_two(b.rt, *b.s, "wal_005/x", replace); })->why() == kind::corrupt);
}

TEST_CASE("the store on Google Cloud Storage keeps the contract") {
  fake_gcs server;
  token_server tokens;
  std::atomic<bool> loses = false;
  std::atomic<bool> expires = false;
  std::atomic<std::size_t> cuts_at = 0;
  server.before([&](const received_request&) -> std::optional<answer> {
    if (!expires.exchange(false)) return std::nullopt;
    return fake_gcs::error(401, "authError", "Invalid Credentials");
  });
  server.after([&](const received_request& r, answer& a) {
    if (stores(r) && loses.exchange(false)) a = lost();
    if (r.method == "GET" && a.body.size() > cuts_at && cuts_at != 0)
      a.cut_body_at = cuts_at.exchange(0);
  });
  const variables all{
      {"WALE_GS_ENDPOINT", server.endpoint()},
      {"GCE_METADATA_HOST", tokens.peer.url().substr(7)},
      {"CLOUDSDK_CONFIG", "/nonexistent"}};

  store_fixture fixture;
  fixture.open = [&](io::runtime& rt) { return open_gcs(rt, all); };
  fixture.open_missing = [&](io::runtime& rt) { return open_gcs(rt, all, "gs://missing/p"); };
  fixture.part_bytes = part_size;
  fixture.race = race_in_one_loop(fixture.open);
  fixture.race_rounds = 100; // the thousand are for a real server, in tests/e2e
  fixture.lose_next_answer = [&] { loses = true; };
  fixture.expire_token = [&] { expires = true; };
  fixture.cut_next_body = [&](std::size_t n) { cuts_at = n; };
  check_conformance(fixture);
}
