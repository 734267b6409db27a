// Header by header.
#include "azure_facts.hpp"

#include "answer_fields.hpp"
#include "azure_requests.hpp"

#include <utility>

namespace wale::store {
namespace {

request_failure unreadable(const azure_question& q, const std::string& what) {
  failure f(
      kind::unavailable,
      q.doing,
      q.url + ": the server's answer " + what + ".",
      "Is this an Azure Blob service, and is there a proxy in between that changes answers?");
  return request_failure(std::move(f), request_failure::repeat::later);
}

object_facts common(const azure_question& q, const http::response& head) {
  object_facts f;
  f.etag = require_azure_etag(q, head);
  f.token = head.headers.get(azure_token_header);
  if (const auto digest = head.headers.find(azure_digest_header))
    f.plain_digest = sha256_from_hex(*digest);
  return f;
}

} // namespace

std::string require_azure_etag(const azure_question& q, const http::response& head) {
  const auto etag = head.headers.find("ETag");
  if (!etag || etag->empty()) throw unreadable(q, "has no ETag");
  return *etag;
}

object_facts azure_facts_of_whole(const azure_question& q, const http::response& head) {
  object_facts f = common(q, head);
  const auto length = parse_number(head.headers.get("Content-Length"));
  if (!length) throw unreadable(q, "tells no length");
  f.size = *length;
  return f;
}

object_facts azure_facts_of_rest(
    const azure_question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset) {
  object_facts f = common(q, head);
  if (!length) throw unreadable(q, "tells no length");
  const auto size = size_of_whole(head, *length, offset);
  if (!size) throw unreadable(q, "is not the rest of the blob that was asked for");
  f.size = *size;
  return f;
}

failure azure_blob_replaced(const azure_question& q) {
  return failure(
      kind::corrupt,
      "an object was replaced while it was read",
      q.url + " is another object than the one that was begun to be read.",
      "Run it again; and find out who writes there.");
}

} // namespace wale::store
