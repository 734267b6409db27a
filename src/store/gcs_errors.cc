#include "gcs_errors.hpp"

#include "answer_fields.hpp"
#include "json_fields.hpp"

#include <wale/base/ascii.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace wale::store {
namespace {

namespace json = boost::json;
using repeat = request_failure::repeat;

// Reasons that come with statuses which are final otherwise.
constexpr std::array<std::string_view, 4> passing_reasons{
    "backendError", "internalError", "rateLimitExceeded", "userRateLimitExceeded"};

// Said with 403 of one object, whatever the others are.
constexpr std::array<std::string_view, 2> retaining_reasons{
    "objectUnderActiveHold", "retentionPolicyNotMet"};

// Of a hold the server has been seen to say only "forbidden", and in its message what is documented
// as objectUnderActiveHold: "Object '...' is under active Temporary hold and cannot be deleted
// ...".
bool is_retained(int status, const gcs_error& e) {
  return status == 403 &&
         (std::ranges::find(retaining_reasons, e.reason) != retaining_reasons.end() ||
          e.message.find(" hold and cannot be deleted") != std::string::npos);
}

// "Provided CRC32C ... doesn't match calculated CRC32C ...": the bytes were damaged on their way.
bool is_damage(const gcs_error& e) {
  return lower_case(e.message).find("crc32c") != std::string::npos;
}

gcs_meaning meaning_of(int status, const gcs_error& e) {
  if (status == 401) return gcs_meaning::refused_token;
  if (status == 404 || status == 410) return gcs_meaning::not_found;
  if (status == 412) return gcs_meaning::exists;
  if (is_retained(status, e)) return gcs_meaning::retained;
  const bool passes = status == 408 || status == 409 || status == 429 || status == 499 ||
                      (status >= 500 && status != 501 && status != 507);
  if (passes || std::ranges::find(passing_reasons, e.reason) != passing_reasons.end() ||
      (status == 400 && is_damage(e)))
    return gcs_meaning::later;
  return gcs_meaning::final;
}

repeat repeat_of(gcs_meaning m) {
  if (m == gcs_meaning::later) return repeat::later;
  return m == gcs_meaning::refused_token ? repeat::at_once : repeat::never;
}

// A body that is no error document is not shown: a proxy may repeat our headers in it.
std::string detail_of(const question& q, const http::response& head, const gcs_error& e) {
  std::string text = "Request about \"" + q.url + "\": the server answered with status " +
                     std::to_string(head.status);
  if (!e.reason.empty()) text += " " + printable(e.reason);
  if (!e.message.empty()) text += ", \"" + printable(e.message) + "\"";
  if (e.reason.empty() && e.message.empty()) {
    const std::string type = printable(head.headers.get("Content-Type"));
    text += " and without an error document of Cloud Storage";
    if (!type.empty()) text += ", Content-Type \"" + type + "\"";
  }
  return text + ".";
}

struct advice {
  kind why = kind::unavailable;
  std::string hint = {};
};

advice advice_on(gcs_meaning m, int status) {
  if (m == gcs_meaning::exists) return {kind::exists};
  if (m == gcs_meaning::refused_token)
    return {
        kind::configuration,
        "The server does not accept the access token: check GOOGLE_APPLICATION_CREDENTIALS, and "
        "that the account it names was not disabled or deleted."};
  if (m == gcs_meaning::not_found)
    return {
        kind::unavailable,
        "Check the bucket in the storage prefix (--gs-prefix or WALE_GS_PREFIX). wal-e never makes "
        "a bucket, and a missing one says nothing about whether the object exists."};
  if (m == gcs_meaning::retained)
    return {kind::unavailable, "A retention policy or a hold of the bucket protects the object."};
  if (status == 403)
    return {
        kind::unavailable,
        "Grant the account storage.objects.create, .get, .list and, for delete, .delete on the "
        "bucket (roles/storage.objectUser). Without storage.objects.list the server says this also "
        "of objects that do not exist; WALE_403_IS_ABSENT=1 makes wal-fetch take it for that."};
  if (status == 507) return {kind::no_space, "Make room on the server, or have the quota raised."};
  if (m == gcs_meaning::final && status >= 300 && status < 400)
    return {kind::configuration, "Redirects are not followed: check WALE_GS_ENDPOINT."};
  if (m == gcs_meaning::later) return {kind::unavailable, "The server is busy or in trouble."};
  return {kind::unavailable, "Is this a server of Cloud Storage, of the version v1?"};
}

} // namespace

gcs_error parse_gcs_error(std::string_view body) {
  const std::optional<json::object> all = parse_json_object(body);
  const json::object* const e = all ? object_member(*all, "error") : nullptr;
  if (!e) return {};
  gcs_error found;
  found.message = text_member(*e, "message");
  const json::value* const list = e->if_contains("errors");
  const json::array* const errors = list ? list->if_array() : nullptr;
  const json::object* const first =
      errors && !errors->empty() ? errors->front().if_object() : nullptr;
  if (first) found.reason = text_member(*first, "reason");
  return found;
}

request_failure gcs_verdict::unmended() const {
  return {failure, repeat::never, failure.code()};
}

gcs_verdict judge_gcs(const question& q, const http::response& head, std::string_view body) {
  const gcs_error e = parse_gcs_error(body);
  const gcs_meaning m = meaning_of(head.status, e);
  advice a = advice_on(m, head.status);
  request_failure f(
      failure(a.why, q.doing, detail_of(q, head, e), std::move(a.hint)),
      repeat_of(m),
      e.reason,
      m == gcs_meaning::later ? retry_after(head.headers) : std::chrono::milliseconds{});
  return {m, std::move(f)};
}

request_failure unreadable(const question& q, const std::string& what) {
  return unreadable("a server of Cloud Storage", q, what);
}

} // namespace wale::store
