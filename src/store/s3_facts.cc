// Header by header.
#include "s3_facts.hpp"

#include "s3_requests.hpp"

#include <charconv>
#include <string_view>
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

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

object_facts common(const s3_question& q, const http::response& head) {
  object_facts f;
  f.etag = require_etag(q, head);
  f.token = head.headers.get(s3_token_header);
  if (const auto digest = head.headers.find(s3_digest_header))
    f.plain_digest = sha256_from_hex(*digest);
  return f;
}

// RFC 9110, 14.4: `bytes FIRST-LAST/COMPLETE`.
struct content_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t complete = 0;
};

std::optional<content_range> parse_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (!text.starts_with(unit) || dash == text.npos || slash == text.npos || slash < dash)
    return std::nullopt;
  const auto first = number(text.substr(unit.size(), dash - unit.size()));
  const auto last = number(text.substr(dash + 1, slash - dash - 1));
  const auto complete = number(text.substr(slash + 1));
  if (!first || !last || !complete || *first > *last || *last >= *complete) return std::nullopt;
  return content_range{*first, *last, *complete};
}

} // namespace

std::string require_etag(const s3_question& q, const http::response& head) {
  const auto etag = head.headers.find("ETag");
  if (!etag || etag->empty()) throw unreadable(q, "has no ETag");
  return *etag;
}

object_facts facts_of_whole(const s3_question& q, const http::response& head) {
  object_facts f = common(q, head);
  const auto length = number(head.headers.get("Content-Length"));
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
  if (head.status == 200 && offset == 0) {
    f.size = *length;
    return f;
  }
  const auto range = parse_range(head.headers.get("Content-Range"));
  if (head.status != 206 || !range || range->first != offset ||
      range->last + 1 != range->complete || range->complete - offset != *length)
    throw unreadable(q, "is not the rest of the object that was asked for");
  f.size = range->complete;
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
