// Where tokens come from, with scripted endpoints.
#include "aws_fixture.hpp"
#include "google_key.hpp"
#include "google_token.hpp"

#include <wale/base/digest.hpp>

#include <ctime>
#include <memory>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

std::string token_json(const std::string& token, int seconds = 3599) {
  return R"({"access_token":")" + token + R"(","expires_in":)" + std::to_string(seconds) + "}";
}

std::string user_file(const scripted_peer& endpoint) {
  return R"({"type":"authorized_user","client_id":"i","client_secret":"SECRET-c",)"
         R"("refresh_token":"SECRET-r","token_uri":")" +
         endpoint.url() + R"(/token"})";
}

answer flavoured(answer a) {
  a.headers.emplace_back("Metadata-Flavor", "Google");
  return a;
}

struct asking {
  std::string token;
  std::uint64_t round = 0;
  std::optional<failure> failed;
};

task<> ask(google_token_source& source, asking& a) {
  std::exception_ptr error;
  try {
    const google_token t = co_await source.get();
    a.token = t.text.reveal();
    a.round = t.round;
  } catch (...) {
    error = std::current_exception();
  }
  if (error) a.failed = failure_in(error);
}

std::string host_of(const scripted_peer& p) {
  return p.url().substr(7);
}

} // namespace

WALE_IO_TEST("a file's user gets a token, which is kept") {
  const scripted_peer endpoint([](const received_request&) { return reply(token_json("t")); });
  scratch_dir dir;
  dir.write("file", user_file(endpoint));
  http::client client(rt, {});
  const auto source = make_google_tokens(
      rt, client, environment({{"GOOGLE_APPLICATION_CREDENTIALS", dir / "file"}}));
  asking first;
  asking second;
  asking third;
  co_await ask(*source, first);
  co_await ask(*source, second);
  CHECK(first.token == "t");
  CHECK(endpoint.requests().size() == 1);
  source->forget(first.round + 1); // not the one it has
  co_await ask(*source, second);
  CHECK(endpoint.requests().size() == 1);
  source->forget(first.round);
  co_await ask(*source, third);
  CHECK(endpoint.requests().size() == 2);
  CHECK(third.round == first.round + 1);
  const received_request asked = endpoint.requests()[0];
  CHECK(asked.method + " " + asked.target == "POST /token");
  CHECK(asked.header("Content-Type") == "application/x-www-form-urlencoded");
  CHECK(says(asked.body, "refresh_token=SECRET-r"));
  co_await client.close();
}

WALE_IO_TEST("gcloud's own file is taken where no other is named") {
  const scripted_peer endpoint([](const received_request&) { return reply(token_json("t")); });
  for (const bool at_home : {false, true}) {
    scratch_dir dir;
    const std::string below = at_home ? ".config/gcloud/" : "";
    if (at_home) std::filesystem::create_directories(dir / below);
    dir.write(below + "application_default_credentials.json", user_file(endpoint));
    http::client client(rt, {});
    const char* const variable = at_home ? "HOME" : "CLOUDSDK_CONFIG";
    const auto source = make_google_tokens(rt, client, environment({{variable, dir.path()}}));
    asking a;
    co_await ask(*source, a);
    CHECK(a.token == "t");
    co_await client.close();
  }
}

WALE_IO_TEST("a file that is named must be there") {
  http::client client(rt, {});
  const auto source = make_google_tokens(
      rt, client, environment({{"GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/file"}}));
  asking a;
  co_await ask(*source, a);
  REQUIRE(a.failed);
  CHECK(a.failed->why() == kind::configuration);
  CHECK(says(a.failed->text().detail, "/nonexistent/file"));
}

WALE_IO_TEST("refusals are final, troubles are not, and neither shows a secret") {
  for (const int status : {400, 401, 503, 429}) {
    const scripted_peer endpoint([status](const received_request&) {
      return reply(R"({"error":"invalid_grant","error_description":"Bad Request"})", status);
    });
    scratch_dir dir;
    dir.write("file", user_file(endpoint));
    http::client client(rt, {});
    const auto source = make_google_tokens(
        rt, client, environment({{"GOOGLE_APPLICATION_CREDENTIALS", dir / "file"}}));
    asking a;
    co_await ask(*source, a);
    REQUIRE(a.failed);
    CHECK(a.failed->why() == (status <= 401 ? kind::configuration : kind::unavailable));
    CHECK(says(a.failed->text().detail, "invalid_grant: Bad Request"));
    CHECK_FALSE(says(a.failed->text().detail, "SECRET"));
    co_await client.close();
  }
}

WALE_IO_TEST("the machine's token comes from the metadata server, never through a proxy") {
  const scripted_peer metadata(
      [](const received_request&) { return flavoured(reply(token_json("machine"))); });
  http::client_options through_nothing;
  through_nothing.http_proxy = "http://127.0.0.1:1";
  http::client client(rt, through_nothing);
  const auto source = make_google_tokens(
      rt,
      client,
      environment({{"GCE_METADATA_HOST", host_of(metadata)}, {"HOME", "/nonexistent"}}));
  asking a;
  co_await ask(*source, a);
  CHECK(a.token == "machine");
  const received_request asked = metadata.requests()[0];
  CHECK(asked.target == "/computeMetadata/v1/instance/service-accounts/default/token");
  CHECK(asked.header("Metadata-Flavor") == "Google");
  co_await client.close();
}

WALE_IO_TEST("no credentials at all are one clear error") {
  const scripted_peer metadata([](const received_request& r) {
    // No service account; and a server that is not Google's.
    return r.connection == 0 ? flavoured(reply("Not Found", 404)) : reply(token_json("forged"));
  });
  for (int i = 0; i < 2; ++i) {
    http::client client(rt, {});
    const auto source =
        make_google_tokens(rt, client, environment({{"GCE_METADATA_HOST", host_of(metadata)}}));
    asking a;
    co_await ask(*source, a);
    REQUIRE(a.failed);
    CHECK(a.failed->why() == kind::configuration);
    CHECK(a.failed->text().msg == "Google credentials are required but not provided");
    CHECK(says(a.failed->text().hint, "GOOGLE_APPLICATION_CREDENTIALS"));
    co_await client.close();
  }
}
