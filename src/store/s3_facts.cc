// Header by header.
#include "s3_facts.hpp"

#include "answer_fields.hpp"
#include "s3_requests.hpp"

#include <utility>

namespace wale::store {
namespace {

request_failure unreadable(const s3_question& q, const std::string& what) {
  failure f(
      kind::unavailable,
      q.doing,
      q.url + ": the server's answer " + what + ".",
      "Is this an S3 server, and is there a proxy in between that changes answers?");
  return request_failure(std::move(f), request_failure::repeat::later);
}

object_facts common(const s3_question& q, const http::response& head) {
  object_facts f;
  f.etag = require_etag(q, head);
  f.token = head.headers.get(s3_token_header);
  if (const auto digest = head.headers.find(s3_digest_header))
    f.plain_digest = sha256_from_hex(*digest);
  return f;
}

} // namespace

std::string require_etag(const s3_question& q, const http::response& head) {
  const auto etag = head.headers.find("ETag");
  if (!etag || etag->empty()) throw unreadable(q, "has no ETag");
  return *etag;
}

object_facts facts_of_whole(const s3_question& q, const http::response& head) {
  object_facts f = common(q, head);
  const auto length = parse_number(head.headers.get("Content-Length"));
  if (!length) throw unreadable(q, "tells no length");
  f.size = *length;
  return f;
}

object_facts facts_of_rest(
    const s3_question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset) {
  object_facts f = common(q, head);
  if (!length) throw unreadable(q, "tells no length");
  const auto size = size_of_whole(head, *length, offset);
  if (!size) throw unreadable(q, "is not the rest of the object that was asked for");
  f.size = *size;
  return f;
}

failure replaced_while_read(const s3_question& q) {
  return failure(
      kind::corrupt,
      "an object was replaced while it was read",
      q.url + " is another object than the one that was begun to be read.",
      "Run it again; and find out who writes there.");
}

void require_progress(const s3_question& q, const s3_uploads& before, const s3_uploads& now) {
  if (!now.truncated) return;
  const bool is_new =
      now.next_key_marker != before.next_key_marker || now.next_id_marker != before.next_id_marker;
  if (now.uploads.empty() || !is_new) throw unreadable(q, "repeats a page");
}

} // namespace wale::store
