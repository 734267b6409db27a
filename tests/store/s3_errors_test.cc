// What each answer means, by the error codes of the Amazon S3 API Reference ("Error responses",
// "List of error codes") and the answers of work-alikes.
#include "s3_errors.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace wale;
using namespace wale::store;
using repeat = request_failure::repeat;

namespace {

http::response answer(int status, std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::response r;
  r.status = status;
  for (auto& [name, value] : headers)
    r.headers.add(name, value);
  return r;
}

std::string error(const std::string& code, const std::string& more = {}) {
  return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code>" + more + "</Error>";
}

const question asked{"could not read an object", "s3://bucket/pg/wal_005/x.lzo"};

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("meanings of answers") {
  struct row {
    int status;
    const char* code; // none: no error document
    s3_meaning meaning;
    kind why;
    repeat when;
  };
  using m = s3_meaning;
  const row rows[] = {
      {404, "NoSuchKey", m::absent, kind::absent, repeat::never},
      {404, "NoSuchBucket", m::final, kind::unavailable, repeat::never},
      {404, "NoSuchUpload", m::no_such_upload, kind::unavailable, repeat::never},
      {404, "NotFound", m::final, kind::unavailable, repeat::never},
      {404, nullptr, m::final, kind::unavailable, repeat::never},
      {403, "NoSuchKey", m::final, kind::unavailable, repeat::never},
      {412, "PreconditionFailed", m::exists, kind::exists, repeat::never},
      {412, nullptr, m::exists, kind::exists, repeat::never},
      {409, "ConditionalRequestConflict", m::later, kind::unavailable, repeat::later},
      {409, "OperationAborted", m::later, kind::unavailable, repeat::later},
      {409, "BucketAlreadyExists", m::final, kind::unavailable, repeat::never},
      {408, nullptr, m::later, kind::unavailable, repeat::later},
      {429, nullptr, m::later, kind::unavailable, repeat::later},
      {499, "ClientDisconnected", m::later, kind::unavailable, repeat::later},
      {500, nullptr, m::later, kind::unavailable, repeat::later},
      {500, "InternalError", m::later, kind::unavailable, repeat::later},
      {502, nullptr, m::later, kind::unavailable, repeat::later},
      {503, "SlowDown", m::later, kind::unavailable, repeat::later},
      {503, "ServiceUnavailable", m::later, kind::unavailable, repeat::later},
      {504, nullptr, m::later, kind::unavailable, repeat::later},
      {400, "RequestTimeout", m::later, kind::unavailable, repeat::later},
      {400, "BadDigest", m::later, kind::unavailable, repeat::later},
      {400, "XAmzContentSHA256Mismatch", m::later, kind::unavailable, repeat::later},
      {400, "IncompleteBody", m::later, kind::unavailable, repeat::later},
      {403, "RequestTimeTooSkewed", m::wrong_clock, kind::configuration, repeat::at_once},
      {400, "ExpiredToken", m::stale_token, kind::unavailable, repeat::at_once},
      {400, "TokenRefreshRequired", m::stale_token, kind::unavailable, repeat::at_once},
      {403, "AccessDenied", m::final, kind::unavailable, repeat::never},
      {403, "SignatureDoesNotMatch", m::final, kind::configuration, repeat::never},
      {403, "InvalidAccessKeyId", m::final, kind::configuration, repeat::never},
      {403, nullptr, m::final, kind::unavailable, repeat::never},
      {501, "NotImplemented", m::unsupported, kind::configuration, repeat::never},
      {507, nullptr, m::final, kind::no_space, repeat::never},
      {400, "InvalidStorageClass", m::final, kind::configuration, repeat::never},
      {301, "PermanentRedirect", m::final, kind::configuration, repeat::never},
      {307, "TemporaryRedirect", m::later, kind::unavailable, repeat::later},
      {302, nullptr, m::final, kind::configuration, repeat::never},
      {400, "AuthorizationHeaderMalformed", m::final, kind::configuration, repeat::never},
      {400, "SomethingNew", m::final, kind::unavailable, repeat::never},
  };
  for (const row& r : rows) {
    INFO(r.status << ' ' << (r.code ? r.code : "-"));
    const s3_verdict v = judge_s3(asked, answer(r.status), r.code ? error(r.code) : "");
    CHECK(v.meaning == r.meaning);
    CHECK(v.failure.why() == r.why);
    CHECK(v.failure.when() == r.when);
    CHECK(v.failure.code() == (r.code ? r.code : ""));
    CHECK(v.failure.text().msg == asked.doing);
    CHECK(says(v.failure.text().detail, asked.url));
    CHECK(says(v.failure.text().detail, std::to_string(r.status)));
    CHECK(v.region.empty());
    CHECK(v.unmended().when() == repeat::never);
    CHECK(v.unmended().text().detail == v.failure.text().detail);
  }
}

TEST_CASE("only an error document with NoSuchKey proves absence") {
  for (const char* body :
       {"",
        "NoSuchKey",
        "<html><body>NoSuchKey</body></html>",
        "<Error><Code>NoSuchKey</Code>",
        "<Error><Code> NoSuchKey</Code></Error>",
        "<Error><Message>NoSuchKey</Message></Error>",
        "<ListBucketResult/>",
        "{\"Code\": \"NoSuchKey\"}"}) {
    INFO(body);
    const s3_verdict v = judge_s3(asked, answer(404), body);
    CHECK(v.meaning == s3_meaning::final);
    CHECK(v.failure.why() == kind::unavailable);
  }
}

TEST_CASE("other regions, from the body or the header") {
  const s3_verdict by_body =
      judge_s3(asked, answer(301), error("PermanentRedirect", "<Region>eu-west-3</Region>"));
  CHECK(by_body.meaning == s3_meaning::other_region);
  CHECK(by_body.region == "eu-west-3");
  CHECK(by_body.failure.when() == repeat::at_once);
  CHECK(by_body.unmended().when() == repeat::never);

  const s3_verdict malformed = judge_s3(
      asked, answer(400), error("AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"));
  CHECK(malformed.meaning == s3_meaning::other_region);
  CHECK(malformed.region == "eu-west-3");

  for (const int status : {301, 307, 400}) {
    INFO(status);
    const s3_verdict by_head =
        judge_s3(asked, answer(status, {{"X-Amz-Bucket-Region", "sa-east-1"}}), "");
    CHECK(by_head.meaning == s3_meaning::other_region);
    CHECK(by_head.region == "sa-east-1");
  }
  // Amazon names the region with every refusal; these are about something else.
  for (const char* code : {"AccessDenied", "NoSuchKey", "InvalidArgument"}) {
    INFO(code);
    const s3_verdict v =
        judge_s3(asked, answer(400, {{"x-amz-bucket-region", "sa-east-1"}}), error(code));
    CHECK(v.meaning == s3_meaning::final);
  }
}

TEST_CASE("Retry-After is heard, in seconds and in reason") {
  const auto pause = [](const std::string& value) {
    return judge_s3(asked, answer(503, {{"Retry-After", value}}), error("SlowDown"))
        .failure.pause();
  };
  CHECK(pause("7") == std::chrono::seconds(7));
  CHECK(pause("0") == std::chrono::seconds(0));
  CHECK(pause("4000000000") == std::chrono::hours(1));
  CHECK(pause("99999999999999999999") == std::chrono::seconds(0));
  CHECK(pause("-5") == std::chrono::seconds(0));
  CHECK(pause("soon") == std::chrono::seconds(0));
}

TEST_CASE("an error inside a 200") {
  const s3_error inner{.code = "InternalError", .message = "We encountered an internal error."};
  const s3_verdict v = judge_inner(asked, answer(200), inner);
  CHECK(v.meaning == s3_meaning::later);
  CHECK(v.failure.when() == repeat::later);
  CHECK(says(v.failure.text().detail, "InternalError"));
  CHECK(judge_inner(asked, answer(200), {.code = "NoSuchKey"}).meaning == s3_meaning::final);
  CHECK(
      judge_inner(asked, answer(200), {.code = "PreconditionFailed"}).meaning ==
      s3_meaning::exists);
}

TEST_CASE("an operator reads status, code, words and request id") {
  const s3_verdict v = judge_s3(
      asked,
      answer(403),
      error(
          "AccessDenied",
          "<Message>User: arn:aws:iam::1:user/x is not authorized</Message>"
          "<RequestId>656c76696e6727</RequestId>"));
  CHECK(
      v.failure.text().detail ==
      "Request about \"s3://bucket/pg/wal_005/x.lzo\": the server answered with status 403 "
      "AccessDenied, \"User: arn:aws:iam::1:user/x is not authorized\" (request id "
      "656c76696e6727).");
  CHECK(says(v.failure.text().hint, "WALE_403_IS_ABSENT"));

  const s3_verdict page = judge_s3(
      asked,
      answer(503, {{"Content-Type", "text/html"}, {"Server", "squid"}, {"x-amz-request-id", "7"}}),
      "<html>Authorization: AWS4-HMAC-SHA256 echoed</html>");
  CHECK(says(page.failure.text().detail, "text/html"));
  CHECK(says(page.failure.text().detail, "squid"));
  CHECK(says(page.failure.text().detail, "(request id 7)"));
  CHECK_FALSE(says(page.failure.text().detail, "echoed"));
}

TEST_CASE("a server's words cannot forge log records") {
  const s3_verdict v = judge_s3(
      asked,
      answer(400),
      error(
          "Bad\n\x1b[31mCode",
          "<Message>line\r\nwal_e.main CRITICAL MSG: forged" + std::string(10'000, 'x') +
              "</Message>"));
  for (const char c : v.failure.text().detail)
    REQUIRE(static_cast<unsigned char>(c) >= 0x20);
  CHECK(v.failure.text().detail.size() < 1000);
}
