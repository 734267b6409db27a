// The classification follows the Amazon S3 API Reference, "Error responses", and what work-alikes
// answer in the same places.
#include "s3_errors.hpp"

#include "answer_fields.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace wale::store {
namespace {

using repeat = request_failure::repeat;

// The body was damaged or cut on its way, or the server is busy. Statuses 408, 429, 499 and 5xx
// come on top.
constexpr std::array<std::string_view, 16> passing_codes{
    "BadDigest",
    "Busy",
    "ClientDisconnected",
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "TemporaryRedirect",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "XAmzContentSHA256Mismatch"};

constexpr std::array<std::string_view, 4> clock_codes{
    "RequestExpired", "RequestInTheFuture", "RequestNotYetValid", "RequestTimeTooSkewed"};
constexpr std::array<std::string_view, 3> token_codes{
    "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"};
constexpr std::array<std::string_view, 3> region_codes{
    "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"};
constexpr std::array<std::string_view, 4> space_codes{
    "InsufficientStorage", "QuotaExceeded", "StorageFull", "XMinioStorageFull"};

struct advice {
  std::string_view code;
  kind why;
  std::string_view hint;
};

constexpr std::array<advice, 13> advices{
    advice{
        "AccessDenied",
        kind::unavailable,
        "The credentials are valid but may not do this: grant s3:GetObject, s3:PutObject, "
        "s3:ListBucket, s3:AbortMultipartUpload and, for delete, s3:DeleteObject on bucket and "
        "prefix. Without s3:ListBucket the server says this also of objects that do not exist; "
        "WALE_403_IS_ABSENT=1 makes wal-fetch take it for that."},
    advice{
        "AllAccessDisabled",
        kind::unavailable,
        "The bucket is disabled by its provider, or belongs to somebody else."},
    advice{
        "AuthorizationHeaderMalformed",
        kind::configuration,
        "Set AWS_REGION to the region of the bucket."},
    advice{
        "EntityTooLarge",
        kind::unavailable,
        "The server takes no objects or parts of this size; see its limits."},
    advice{
        "InvalidAccessKeyId",
        kind::configuration,
        "The server does not know this access key: check AWS_ACCESS_KEY_ID (or -k, or the "
        "profile), that the key was not deleted, that temporary keys come with AWS_SESSION_TOKEN, "
        "and that WALE_S3_ENDPOINT is the server it is for."},
    advice{
        "InvalidBucketName",
        kind::configuration,
        "Check the bucket in the storage prefix (WALE_S3_PREFIX)."},
    advice{
        "InvalidObjectState",
        kind::unavailable,
        "The object lies in an archive tier; restore it there first."},
    advice{
        "InvalidStorageClass",
        kind::configuration,
        "Set WALE_S3_STORAGE_CLASS to one that this server knows, or unset it."},
    advice{
        "InvalidToken",
        kind::configuration,
        "The session token is not valid: check AWS_SESSION_TOKEN, and that it is of the same set "
        "as the access key."},
    advice{
        "NoSuchBucket",
        kind::unavailable,
        "Check the bucket in the storage prefix (WALE_S3_PREFIX), AWS_REGION and "
        "WALE_S3_ENDPOINT. wal-e never makes a bucket, and a missing one says nothing about "
        "whether the object exists."},
    advice{
        "PermanentRedirect",
        kind::configuration,
        "The bucket is in another region: set AWS_REGION to it."},
    advice{
        "SignatureDoesNotMatch",
        kind::configuration,
        "The secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY (or the "
        "profile) for missing characters and blanks. If it is right, a proxy may be changing the "
        "requests."},
    advice{
        "XAmzContentSHA256Mismatch",
        kind::unavailable,
        "What arrived is not what was sent: look for a faulty proxy, network card or memory."}};

bool holds(std::span<const std::string_view> list, std::string_view code) {
  return std::ranges::find(list, code) != list.end();
}

// A body that is no Error document is not shown: a proxy may repeat our headers in it.
std::string detail_of(const question& q, const http::response& head, const s3_error& e) {
  std::string text = "Request about \"" + q.url + "\": the server answered with status " +
                     std::to_string(head.status);
  if (!e.code.empty()) text += " " + printable(e.code);
  if (!e.message.empty()) text += ", \"" + printable(e.message) + "\"";
  if (e.code.empty()) {
    const std::string type = printable(head.headers.get("Content-Type"));
    const std::string server = printable(head.headers.get("Server"));
    text += " and without an error document of S3";
    if (!type.empty()) text += ", Content-Type \"" + type + "\"";
    if (!server.empty()) text += ", Server \"" + server + "\"";
  }
  std::string id = e.request_id;
  if (id.empty()) id = head.headers.get("x-amz-request-id");
  if (!id.empty()) text += " (request id " + printable(id) + ")";
  return text + ".";
}

std::string region_of(const http::response& head, const s3_error& e) {
  return e.region.empty() ? head.headers.get("x-amz-bucket-region") : e.region;
}

s3_meaning meaning_of(const http::response& head, const s3_error& e) {
  const int status = head.status;
  const std::string& code = e.code;
  if (holds(clock_codes, code)) return s3_meaning::wrong_clock;
  if (holds(token_codes, code)) return s3_meaning::stale_token;
  const bool elsewhere = holds(region_codes, code) || status == 301 || status == 307 ||
                         (status == 400 && code.empty());
  if (elsewhere && !region_of(head, e).empty()) return s3_meaning::other_region;
  if (status == 412 || code == "PreconditionFailed") return s3_meaning::exists;
  if (code == "NoSuchKey" && status == 404) return s3_meaning::absent;
  if (code == "NoSuchUpload") return s3_meaning::no_such_upload;
  if (holds(space_codes, code) || status == 507) return s3_meaning::final;
  if (status == 501 || code == "NotImplemented") return s3_meaning::unsupported;
  if (holds(passing_codes, code) || status == 408 || status == 429 || status == 499 ||
      (status >= 500 && status != 505))
    return s3_meaning::later;
  return s3_meaning::final;
}

repeat repeat_of(s3_meaning m) {
  switch (m) {
  case s3_meaning::later:
    return repeat::later;
  case s3_meaning::wrong_clock:
  case s3_meaning::stale_token:
  case s3_meaning::other_region:
    return repeat::at_once;
  case s3_meaning::absent:
  case s3_meaning::exists:
  case s3_meaning::no_such_upload:
  case s3_meaning::unsupported:
  case s3_meaning::final:
    break;
  }
  return repeat::never;
}

std::pair<kind, std::string> kind_and_hint(s3_meaning m, int status, const s3_error& e) {
  for (const advice& a : advices)
    if (e.code == a.code) return {a.why, std::string(a.hint)};
  switch (m) {
  case s3_meaning::absent:
    return {kind::absent, ""};
  case s3_meaning::exists:
    return {kind::exists, ""};
  case s3_meaning::wrong_clock:
    return {
        kind::configuration,
        "The clocks of this machine and of the server differ by more than the server allows (15 "
        "minutes on Amazon): set the clock, for example with NTP."};
  case s3_meaning::stale_token:
    return {
        kind::unavailable,
        "The temporary credentials have expired: renew what provides them (AWS_SESSION_TOKEN, "
        "profile, role)."};
  case s3_meaning::other_region:
    return {kind::configuration, "The bucket is in another region: set AWS_REGION to it."};
  case s3_meaning::unsupported:
    return {
        kind::configuration,
        "The server does not implement something that was asked for: storage class, encryption or "
        "a condition."};
  case s3_meaning::no_such_upload:
  case s3_meaning::later:
  case s3_meaning::final:
    break;
  }
  if (holds(space_codes, e.code) || status == 507)
    return {kind::no_space, "Make room on the server, or have the quota raised."};
  if (status == 403)
    return {
        kind::unavailable,
        "Check the credentials and what they may do; if the answer is not the object store's, "
        "look for a proxy or firewall in between."};
  if (status == 404)
    return {
        kind::unavailable,
        "This is no proof that the object does not exist: only an answer with the code NoSuchKey "
        "is. Check WALE_S3_ENDPOINT, and proxies in between."};
  if (m == s3_meaning::final && status >= 300 && status < 400)
    return {
        kind::configuration,
        "Redirects are not followed: set AWS_REGION or WALE_S3_ENDPOINT to where the bucket is."};
  return {kind::unavailable, ""};
}

} // namespace

request_failure s3_verdict::unmended() const {
  return {failure, repeat::never, failure.code()};
}

s3_verdict judge_inner(const question& q, const http::response& head, const s3_error& error) {
  const s3_meaning m = meaning_of(head, error);
  auto [why, hint] = kind_and_hint(m, head.status, error);
  request_failure f(
      wale::failure(why, q.doing, detail_of(q, head, error), std::move(hint)),
      repeat_of(m),
      error.code,
      m == s3_meaning::later ? retry_after(head.headers) : std::chrono::milliseconds{});
  std::string region = m == s3_meaning::other_region ? region_of(head, error) : "";
  return {m, std::move(region), error, std::move(f)};
}

s3_verdict judge_s3(const question& q, const http::response& head, std::string_view body) {
  return judge_inner(q, head, parse_error(body).value_or(s3_error{}));
}

} // namespace wale::store
