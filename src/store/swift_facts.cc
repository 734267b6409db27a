#include "swift_facts.hpp"

#include "answer_fields.hpp"
#include "swift_requests.hpp"

#include <wale/base/digest.hpp>

#include <string_view>

namespace wale::store {
namespace {

std::string_view unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"'))
    etag = etag.substr(1, etag.size() - 2);
  return etag;
}

object_facts common(const swift_question& q, const http::response& head) {
  object_facts f;
  f.etag = head.headers.get("ETag");
  if (f.etag.empty()) throw unreadable_swift(q, "has no ETag");
  f.token = head.headers.get(swift_token_header);
  if (const auto digest = head.headers.find(swift_digest_header))
    f.plain_digest = sha256_from_hex(*digest);
  return f;
}

} // namespace

void require_swift_etag(
    const swift_question& q, const http::response& head, const std::string& sent) {
  const std::string etag = head.headers.get("ETag");
  if (etag.empty()) throw unreadable_swift(q, "has no ETag");
  if (unquoted(etag) != sent) throw unreadable_swift(q, "has the ETag of other bytes");
}

object_facts swift_facts_of_whole(const swift_question& q, const http::response& head) {
  object_facts f = common(q, head);
  const auto length = parse_number(head.headers.get("Content-Length"));
  if (!length) throw unreadable_swift(q, "tells no length");
  f.size = *length;
  return f;
}

object_facts swift_facts_of_rest(
    const swift_question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset) {
  object_facts f = common(q, head);
  if (!length) throw unreadable_swift(q, "tells no length");
  const auto size = size_of_whole(head, *length, offset);
  if (!size) throw unreadable_swift(q, "is not the rest of the object that was asked for");
  f.size = *size;
  return f;
}

std::string etag_of_parts(const std::vector<uploaded_part>& parts) {
  std::string all;
  for (const uploaded_part& p : parts)
    all += p.tag;
  return to_hex(md5(all));
}

} // namespace wale::store
