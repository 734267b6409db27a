#include "swift_errors.hpp"

#include "answer_fields.hpp"

#include <utility>

namespace wale::store {
namespace {

using repeat = request_failure::repeat;

// Every answer of Swift has one; those of proxies in front of it have none.
std::string transaction_of(const http::headers& headers) {
  const std::string id = headers.get("X-Trans-Id");
  return id.empty() ? headers.get("X-Openstack-Request-Id") : id;
}

std::string detail_of(const question& q, const http::response& head) {
  std::string text = "Request about \"" + q.url + "\": the server answered with status " +
                     std::to_string(head.status);
  const std::string id = transaction_of(head.headers);
  if (id.empty()) {
    const std::string server = printable(head.headers.get("Server"));
    text += " and without the X-Trans-Id of Swift";
    if (!server.empty()) text += ", Server \"" + server + "\"";
    return text + ".";
  }
  return text + " (transaction " + printable(id) + ").";
}

swift_meaning meaning_of(const http::response& head, swift_method asked) {
  switch (head.status) {
  case 401:
    return swift_meaning::stale_token;
  case 404:
    return transaction_of(head.headers).empty() ? swift_meaning::later : swift_meaning::not_there;
  case 412:
    return swift_meaning::exists;
  case 409:
    return asked == swift_method::get ? swift_meaning::broken : swift_meaning::later;
  case 408:
  case 422: // the bytes are not those of the ETag
  case 429:
  case 498:
  case 499:
    return swift_meaning::later;
  case 501:
  case 505:
  case 507:
    return swift_meaning::final;
  default:
    return head.status >= 500 ? swift_meaning::later : swift_meaning::final;
  }
}

std::pair<kind, std::string> kind_and_hint(swift_meaning m, int status) {
  switch (m) {
  case swift_meaning::exists:
    return {kind::exists, ""};
  case swift_meaning::stale_token:
    return {
        kind::configuration,
        "The store does not take the tokens of this identity service: check SWIFT_AUTHURL, "
        "SWIFT_REGION, and that identity service and Swift agree about the time."};
  case swift_meaning::broken:
    return {
        kind::corrupt,
        "A segment of this large object is missing or was changed. Find out who writes or removes "
        "below segments_005/; moving the object away ends a recovery before it."};
  case swift_meaning::not_there:
  case swift_meaning::later:
  case swift_meaning::final:
    break;
  }
  if (status == 404)
    return {
        kind::unavailable,
        "This is no proof that the object does not exist, as it is not Swift's answer: look for a "
        "proxy or load balancer in between."};
  if (status == 422)
    return {
        kind::unavailable,
        "What arrived is not what was sent: look for a faulty proxy, network card or memory."};
  if (status == 403)
    return {
        kind::unavailable,
        "The user signed in and may not do this: give it a role that may write to the container "
        "(with keystone often `member`), or check SWIFT_TENANT."};
  if (status == 413 || status == 507)
    return {kind::no_space, "Make room on the server, or have the quota raised."};
  if (status >= 300 && status < 400)
    return {
        kind::configuration,
        "Redirects are not followed: the service catalogue must name the store itself."};
  return {kind::unavailable, ""};
}

repeat repeat_of(swift_meaning m) {
  if (m == swift_meaning::later) return repeat::later;
  return m == swift_meaning::stale_token ? repeat::at_once : repeat::never;
}

} // namespace

request_failure swift_verdict::unmended() const {
  return {failure, repeat::never, failure.code()};
}

swift_verdict judge_swift(const question& q, const http::response& head, swift_method asked) {
  const swift_meaning m = meaning_of(head, asked);
  auto [why, hint] = kind_and_hint(m, head.status);
  request_failure f(
      wale::failure(why, q.doing, detail_of(q, head), std::move(hint)),
      repeat_of(m),
      std::to_string(head.status),
      m == swift_meaning::later ? retry_after(head.headers) : std::chrono::milliseconds{});
  return {m, std::move(f)};
}

request_failure missing_container(const question& q, const std::string& container) {
  return request_failure(
      failure(
          kind::unavailable,
          q.doing,
          "\"" + q.url + "\": there is no container \"" + container + "\".",
          "Make it first (swift post " + container +
              "), or check the container in the storage prefix (WALE_SWIFT_PREFIX), SWIFT_TENANT "
              "and SWIFT_REGION. wal-e never makes a container, and a missing one says nothing "
              "about whether the object exists."),
      repeat::never,
      "404");
}

} // namespace wale::store
