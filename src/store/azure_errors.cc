// The classification follows the Azure Storage Services REST API Reference, "Blob service error
// codes" and "Common REST API error codes".
#include "azure_errors.hpp"

#include "answer_fields.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace wale::store {
namespace {

using repeat = request_failure::repeat;

// The body was damaged on its way, or the server is busy. Statuses 408, 429 and 5xx come on top.
constexpr std::array<std::string_view, 7> passing_codes{
    "AccountBeingCreated",
    "Crc64Mismatch",
    "InternalError",
    "Md5Mismatch",
    "OperationTimedOut",
    "ServerBusy",
    "ServiceUnavailable"};

// The last three are said of a blob that exists, where the container is immutable, or the shared
// access signature may create and not overwrite.
constexpr std::array<std::string_view, 4> exists_codes{
    "BlobAlreadyExists",
    "BlobImmutableDueToLegalHold",
    "BlobImmutableDueToPolicy",
    "UnauthorizedBlobOverwrite"};

constexpr std::array<std::string_view, 6> blob_codes{
    "BlobArchived",
    "BlobBeingRehydrated",
    "InvalidBlobType",
    "LeaseIdMissing",
    "LeaseNotPresentWithBlobOperation",
    "SnapshotsPresent"};

struct advice {
  std::string_view code;
  kind why;
  std::string_view hint;
};

constexpr std::string_view wrong_key =
    "The credentials are not those of this account: check WABS_ACCOUNT_NAME (or -a), "
    "WABS_ACCESS_KEY or WABS_SAS_TOKEN for missing characters and blanks, that the key was not "
    "renewed and the signature has not expired, and WALE_WABS_ENDPOINT.";
constexpr std::string_view missing_container =
    "Check the container in the storage prefix (WALE_WABS_PREFIX), WABS_ACCOUNT_NAME and "
    "WALE_WABS_ENDPOINT. wal-e never makes a container, and a missing one says nothing about "
    "whether the object exists.";
constexpr std::string_view not_permitted =
    "The credentials are valid but may not do this: the identity needs the role \"Storage Blob "
    "Data "
    "Contributor\" on the container, a shared access signature the permissions to read, create, "
    "write, list and, for delete, delete (sp=rcwdl), on container and object (sr=c, or srt=co).";

constexpr std::array<advice, 23> advices{
    advice{"AccountIsDisabled", kind::unavailable, "The storage account is disabled."},
    advice{"AuthenticationFailed", kind::configuration, wrong_key},
    advice{
        "AuthorizationFailure",
        kind::configuration,
        "Azure says so where the account's firewall keeps this machine out: check its network "
        "rules. Azurite says so of a wrong key or signature: check WABS_ACCOUNT_NAME, "
        "WABS_ACCESS_KEY or WABS_SAS_TOKEN."},
    advice{"AuthorizationPermissionMismatch", kind::unavailable, not_permitted},
    advice{
        "AuthorizationProtocolMismatch",
        kind::configuration,
        "The shared access signature is for https only: use an https endpoint."},
    advice{"AuthorizationResourceTypeMismatch", kind::configuration, not_permitted},
    advice{
        "AuthorizationServiceMismatch",
        kind::configuration,
        "The shared access signature is not for the blob service (ss=b)."},
    advice{
        "AuthorizationSourceIPMismatch",
        kind::configuration,
        "The shared access signature is for other addresses than this machine's (sip)."},
    advice{
        "BlobArchived",
        kind::unavailable,
        "The blob lies in the archive tier; rehydrate it there first."},
    advice{
        "BlobImmutableDueToLegalHold",
        kind::unavailable,
        "A legal hold of the container forbids to change or delete it."},
    advice{
        "BlobImmutableDueToPolicy",
        kind::unavailable,
        "A policy of the container forbids to change or delete it."},
    advice{"ContainerBeingDeleted", kind::unavailable, missing_container},
    advice{"ContainerDisabled", kind::unavailable, missing_container},
    advice{"ContainerNotFound", kind::unavailable, missing_container},
    advice{"InsufficientAccountPermissions", kind::unavailable, not_permitted},
    advice{
        "InvalidBlobOrBlock",
        kind::unavailable,
        "Another program has left blocks for this name whose ids have another length. Azure drops "
        "them after a week; storing and deleting a blob of that name drops them at once."},
    advice{
        "InvalidHeaderValue",
        kind::configuration,
        "Does this service know x-ms-version 2025-11-05? An older Azurite needs "
        "--skipApiVersionCheck."},
    advice{
        "InvalidResourceName",
        kind::configuration,
        "Check the container in the storage prefix (WALE_WABS_PREFIX): lower-case letters, digits "
        "and single hyphens, 3 to 63 characters."},
    advice{
        "KeyBasedAuthenticationNotPermitted",
        kind::configuration,
        "The account does not allow shared keys: use a managed or workload identity, or a user "
        "delegation SAS."},
    advice{"NoAuthenticationInformation", kind::configuration, wrong_key},
    advice{"ResourceNotFound", kind::unavailable, missing_container},
    advice{
        "SnapshotsPresent",
        kind::unavailable,
        "The blob has snapshots, which somebody else made: delete them first."},
    advice{
        "UnauthorizedBlobOverwrite",
        kind::unavailable,
        "The shared access signature may create blobs but not overwrite them (sp=w)."}};

bool holds(std::span<const std::string_view> list, std::string_view code) {
  return std::ranges::find(list, code) != list.end();
}

// What Azure adds to a failed authentication. Only that which has no part of our signature in it.
bool may_be_shown(std::string_view detail) {
  return detail.starts_with("Signature not valid in the specified time frame") ||
         detail.starts_with("Request date header too old") ||
         detail.starts_with("Lifetime validation failed") ||
         detail.starts_with("Audience validation failed") ||
         detail.starts_with("Issuer validation failed");
}

// Message begins with a line of words; request id and time come after it. A body that is no Error
// document is not shown: a proxy may repeat our headers in it.
std::string detail_of(const question& q, const http::response& head, const azure_error& e) {
  std::string text = "Request about \"" + q.url + "\": the server answered with status " +
                     std::to_string(head.status);
  if (!e.code.empty()) text += " " + printable(e.code);
  const std::string words = e.message.substr(0, e.message.find('\n'));
  if (!words.empty()) text += ", \"" + printable(words) + "\"";
  if (may_be_shown(e.detail)) text += ", \"" + printable(e.detail) + "\"";
  if (e.code.empty()) {
    const std::string type = printable(head.headers.get("Content-Type"));
    const std::string server = printable(head.headers.get("Server"));
    text += " and without an error code of Azure";
    if (!type.empty()) text += ", Content-Type \"" + type + "\"";
    if (!server.empty()) text += ", Server \"" + server + "\"";
  }
  const std::string id = head.headers.get("x-ms-request-id");
  if (!id.empty()) text += " (request id " + printable(id) + ")";
  return text + ".";
}

azure_meaning meaning_of(int status, const std::string& code) {
  if (status == 404 && code == "BlobNotFound") return azure_meaning::absent;
  if (holds(exists_codes, code)) return azure_meaning::exists;
  if (status == 412) return azure_meaning::other_blob;
  if (code == "InvalidBlockList") return azure_meaning::no_such_blocks;
  if (status == 401) return azure_meaning::stale_token;
  if (status == 403 && (code == "AuthenticationFailed" || code == "AuthorizationFailure"))
    return azure_meaning::unauthenticated;
  if (holds(blob_codes, code)) return azure_meaning::of_this_blob;
  if (status == 507) return azure_meaning::final;
  if (holds(passing_codes, code) || status == 408 || status == 429 ||
      (status >= 500 && status != 501 && status != 505))
    return azure_meaning::later;
  return azure_meaning::final;
}

std::pair<kind, std::string> kind_and_hint(azure_meaning m, int status, const std::string& code) {
  for (const advice& a : advices)
    if (code == a.code) return {a.why, std::string(a.hint)};
  if (m == azure_meaning::absent) return {kind::absent, ""};
  if (m == azure_meaning::exists) return {kind::exists, ""};
  if (m == azure_meaning::stale_token)
    return {
        kind::unavailable,
        "The server does not take the token: check that the identity is one of the account's "
        "tenant."};
  if (status == 507) return {kind::no_space, "Make room in the account."};
  if (status == 403)
    return {
        kind::unavailable,
        "Check the credentials and what they may do, and the firewall of the account; if the "
        "answer is not Azure's, look for a proxy in between."};
  if (status == 404)
    return {
        kind::unavailable,
        "This is no proof that the object does not exist: only an answer with the code "
        "BlobNotFound is. Check WALE_WABS_ENDPOINT, and proxies in between."};
  if (status >= 300 && status < 400)
    return {
        kind::configuration,
        "Redirects are not followed: set WALE_WABS_ENDPOINT to where the container is."};
  return {kind::unavailable, ""};
}

} // namespace

request_failure azure_verdict::mended() const {
  return {failure, repeat::at_once, failure.code()};
}

azure_verdict judge_azure(const question& q, const http::response& head, std::string_view body) {
  azure_error error = parse_azure_error(body).value_or(azure_error{});
  if (error.code.empty()) error.code = head.headers.get("x-ms-error-code");
  const azure_meaning m = meaning_of(head.status, error.code);
  auto [why, hint] = kind_and_hint(m, head.status, error.code);
  const bool later = m == azure_meaning::later;
  // The contract's word for an upload that is gone.
  const bool gone = m == azure_meaning::no_such_blocks;
  request_failure f(
      wale::failure(why, q.doing, detail_of(q, head, error), std::move(hint)),
      later ? repeat::later : repeat::never,
      gone ? "NoSuchUpload" : error.code,
      later ? retry_after(head.headers) : std::chrono::milliseconds{});
  return {m, std::move(error), std::move(f)};
}

} // namespace wale::store
