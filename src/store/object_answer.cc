// Field by field.
#include "object_answer.hpp"

#include "answer_fields.hpp"

namespace wale::store {
namespace {

object_facts common_facts(const answer_dialect& as, const question& q, const http::response& head) {
  object_facts f;
  f.etag = require_etag(as, q, head);
  f.token = head.headers.get(as.token_field);
  if (const auto digest = head.headers.find(as.digest_field))
    f.plain_digest = sha256_from_hex(*digest);
  return f;
}

} // namespace

request_failure unreadable(const answer_dialect& as, const question& q, const std::string& what) {
  return unreadable(as.server, q, what);
}

std::string require_etag(const answer_dialect& as, const question& q, const http::response& head) {
  const auto etag = head.headers.find("ETag");
  if (!etag || etag->empty()) throw unreadable(as, q, "has no ETag");
  return *etag;
}

object_facts
facts_of_whole(const answer_dialect& as, const question& q, const http::response& head) {
  object_facts f = common_facts(as, q, head);
  const auto length = parse_number(head.headers.get("Content-Length"));
  if (!length) throw unreadable(as, q, "tells no length");
  f.size = *length;
  return f;
}

object_facts facts_of_rest(
    const answer_dialect& as,
    const question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset) {
  object_facts f = common_facts(as, q, head);
  if (!length) throw unreadable(as, q, "tells no length");
  const auto size = size_of_whole(head, *length, offset);
  if (!size) throw unreadable(as, q, "is not the rest of the object that was asked for");
  f.size = *size;
  return f;
}

} // namespace wale::store
