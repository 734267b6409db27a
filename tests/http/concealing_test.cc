// A refusal does not repeat our credentials.
#include "client_fixture.hpp"
#include "concealing.hpp"

using namespace wale;
using namespace wale::http;
using namespace wale::http::test;

namespace {

std::string shown(const request& what, std::string text, std::string_view proxy = "") {
  conceal(secrets_in(what, proxy), text);
  return text;
}

// What came with the request.
answer repeat(const received_request& r) {
  answer a;
  a.status = r.target.starts_with("/taken") ? 200 : 403;
  const std::string words = r.header("x-auth-token") + " at " + r.target;
  a.headers = {{"Server", words}};
  a.body = words;
  return a;
}

request with_token(std::string target) {
  request r = get(std::move(target));
  r.headers.add("X-Auth-Token", "AUTH_tk0123456789");
  return r;
}

} // namespace

TEST_CASE("credentials in fields, with and without the scheme") {
  request r;
  r.headers.add("authorization", "Bearer a.long/token");
  r.headers.add("X-Amz-Security-Token", "session+token");
  r.headers.add("Content-Type", "text/plain");
  CHECK(shown(r, "got Bearer a.long/token.") == "got ***.");
  CHECK(shown(r, "a.long/token and session+token") == "*** and ***");
  CHECK(shown(r, R"({"error": "a.long\/token"})") == R"({"error": "***"})");
  CHECK(shown(r, "text/plain") == "text/plain");
  CHECK(shown(r, "Basic dXNlcjpwYXNz", "Basic dXNlcjpwYXNz") == "***");
}

TEST_CASE("credentials in the query, encoded and decoded") {
  const request r = get("/container?restype=container&sig=ab%2Bcd%3D%3D&sp=rwdlac");
  CHECK(shown(r, "?sp=rwdlac&sig=ab%2Bcd%3D%3D") == "?sp=rwdlac&sig=***");
  CHECK(shown(r, "ab+cd== is wrong") == "*** is wrong");
  CHECK(shown(get("/x?sig"), "sig") == "sig");
  CHECK(shown(get("/x?sig=not%encoded"), "not%encoded") == "***");
}

TEST_CASE("credentials in a form, and in nothing else that is sent") {
  const std::string form = "grant_type=refresh_token&client_secret=of%20the%20client&refresh_token="
                           "1%2F%2Frefresh";
  request r = put("/token", form);
  CHECK(shown(r, "1//refresh") == "1//refresh");
  r.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
  CHECK(shown(r, form) == "grant_type=refresh_token&client_secret=***&refresh_token=***");
  CHECK(shown(r, "1//refresh of the client") == "*** ***");
}

TEST_CASE("a credential that is too short for one leaves words whole") {
  request r;
  r.headers.add("X-Auth-Key", "a");
  CHECK(shown(r, "a password that is wrong") == "a password that is wrong");
}

WALE_IO_TEST("a refusal comes without what it repeats of us, a success as it is") {
  const scripted_peer p(repeat);
  client c(rt, {});
  const outcome refused = co_await try_perform(c, origin_of(p), with_token("/x?sig=0123456789"));
  REQUIRE(refused.status() == 403);
  CHECK(refused.reply->body == "*** at /x?sig=***");
  CHECK(refused.reply->headers.get("Server") == "*** at /x?sig=***");
  const outcome taken = co_await try_perform(c, origin_of(p), with_token("/taken"));
  CHECK(taken.reply->body == "AUTH_tk0123456789 at /taken");
  co_await c.close();
}

WALE_IO_TEST("nor does one that answers a request for a stream") {
  const scripted_peer p(repeat);
  client c(rt, {});
  io::block_budget budget = co_await rt.blocks().reserve(1);
  const streamed_reply refused = co_await c.open(origin_of(p), with_token("/x"), budget);
  CHECK(refused.error_body == "*** at /x");
  co_await c.close();
}
