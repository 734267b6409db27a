// The classification of "HTTP status and error codes", Cloud Storage JSON API.
#include "gcs_errors.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace wale;
using namespace wale::store;
using repeat = request_failure::repeat;

namespace {

const question asked{"could not store an object", "gs://bucket/p/x"};

// As the reference shows them.
std::string document(int code, const std::string& reason, const std::string& message) {
  return R"({"error":{"errors":[{"domain":"global","reason":")" + reason + R"(","message":")" +
         message + R"("}],"code":)" + std::to_string(code) + R"(,"message":")" + message + R"("}})";
}

gcs_verdict verdict(int status, const std::string& reason = {}, const std::string& message = {}) {
  http::response head;
  head.status = status;
  head.headers.add("Retry-After", "7");
  return judge_gcs(asked, head, reason.empty() ? "" : document(status, reason, message));
}

} // namespace

TEST_CASE("gcs: what an answer means") {
  struct row {
    int status;
    const char* reason;
    const char* message;
    gcs_meaning meaning;
    repeat when;
    kind why;
  };
  const row rows[] = {
      {401, "authError", "", gcs_meaning::refused_token, repeat::at_once, kind::configuration},
      {404, "notFound", "", gcs_meaning::not_found, repeat::never, kind::unavailable},
      {410, "", "", gcs_meaning::not_found, repeat::never, kind::unavailable},
      {412, "conditionNotMet", "", gcs_meaning::exists, repeat::never, kind::exists},
      {403, "forbidden", "", gcs_meaning::final, repeat::never, kind::unavailable},
      {403, "rateLimitExceeded", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {403, "userRateLimitExceeded", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {400, "invalid", "no", gcs_meaning::final, repeat::never, kind::unavailable},
      {400,
       "invalid",
       "Provided CRC32C does not match",
       gcs_meaning::later,
       repeat::later,
       kind::unavailable},
      {301, "", "", gcs_meaning::final, repeat::never, kind::configuration},
      {408, "", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {409, "conflict", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {429, "rateLimitExceeded", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {500, "backendError", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {501, "", "", gcs_meaning::final, repeat::never, kind::unavailable},
      {503, "", "", gcs_meaning::later, repeat::later, kind::unavailable},
      {507, "", "", gcs_meaning::final, repeat::never, kind::no_space},
  };
  for (const row& r : rows) {
    INFO(r.status << ' ' << r.reason);
    const gcs_verdict v = verdict(r.status, r.reason, r.message);
    CHECK((v.meaning == r.meaning));
    CHECK((v.failure.when() == r.when));
    CHECK(v.failure.why() == r.why);
    CHECK(v.failure.pause().count() == (r.when == repeat::later ? 7000 : 0));
    CHECK((v.unmended().when() == repeat::never));
  }
}

TEST_CASE("gcs: the server's words are shown, a stranger's are not") {
  const auto f = verdict(403, "forbidden", "no access\\nto it").failure.text();
  CHECK(f.msg == "could not store an object");
  CHECK(
      f.detail == "Request about \"gs://bucket/p/x\": the server answered with status 403 "
                  "forbidden, \"no access to it\".");
  CHECK(f.hint.find("storage.objects.create") != std::string::npos);
  http::response head;
  head.status = 404;
  const auto stranger = judge_gcs(asked, head, "<html>Authorization: Bearer x</html>").failure;
  CHECK(stranger.text().detail.find("Bearer") == std::string::npos);
  CHECK(stranger.text().hint.find("WALE_GS_PREFIX") != std::string::npos);
}
