#include "gcs_facts.hpp"

#include "answer_fields.hpp"
#include "gcs_requests.hpp"
#include "iso_time.hpp"
#include "json_fields.hpp"

#include <wale/http/url.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdio>
#include <ctime>
#include <utility>

namespace wale::store {
namespace {

namespace json = boost::json;

json::object document(const question& q, std::string_view text) {
  std::optional<json::object> found = parse_json_object(text);
  if (!found) throw unreadable(q, "is no JSON document");
  return std::move(*found);
}

bool is_decimal(const std::string& text) {
  return parse_number(text).has_value();
}

// `crc32c=n03x6A==,md5=Ojk9c3dhfxgoKVVHYwFbHQ==`, as one field or as two.
std::optional<std::uint32_t> crc32c_in(const http::headers& headers) {
  constexpr std::string_view name = "crc32c=";
  for (const auto& [field, value] : headers) {
    if (!http::same_name(field, "X-Goog-Hash")) continue;
    const std::size_t at = value.find(name);
    if (at == std::string::npos) continue;
    const std::string_view rest = std::string_view(value).substr(at + name.size());
    return parse_crc32c(rest.substr(0, rest.find(',')));
  }
  return std::nullopt;
}

object_info info_of(const question& q, const json::value& item) {
  if (!item.is_object()) throw unreadable(q, "lists something that is no object");
  const json::object& o = item.get_object();
  object_info i;
  i.key.name = text_member(o, "name");
  const auto size = parse_number(text_member(o, "size"));
  const auto updated = parse_iso_time(text_member(o, "updated"));
  if (i.key.name.empty() || !size || !updated)
    throw unreadable(q, "lists an object without a name, a size or a time");
  i.size = *size;
  i.modified_ns = *updated;
  i.last_modified = python_time(*updated);
  return i;
}

} // namespace

object_facts parse_object(const question& q, std::string_view text) {
  const json::object o = document(q, text);
  const auto size = parse_number(text_member(o, "size"));
  object_facts f;
  f.etag = text_member(o, "generation");
  if (!size || !is_decimal(f.etag)) throw unreadable(q, "tells no size or no generation");
  f.size = *size;
  f.crc32c = parse_crc32c(text_member(o, "crc32c"));
  const json::object* metadata = object_member(o, "metadata");
  if (!metadata) return f;
  f.token = text_member(*metadata, gcs_token_name);
  f.plain_digest = sha256_from_hex(text_member(*metadata, gcs_digest_name));
  return f;
}

object_facts facts_of_media(
    const question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset) {
  object_facts f;
  f.etag = head.headers.get("X-Goog-Generation");
  if (!is_decimal(f.etag)) throw unreadable(q, "tells no generation");
  if (!length) throw unreadable(q, "tells no length");
  f.crc32c = crc32c_in(head.headers);
  const auto size = size_of_whole(head, *length, offset);
  if (!size) throw unreadable(q, "is not the rest of the object that was asked for");
  f.size = *size;
  return f;
}

gcs_listing parse_gcs_listing(const question& q, std::string_view text) {
  const json::object o = document(q, text);
  if (text_member(o, "kind") != "storage#objects") throw unreadable(q, "is no listing");
  gcs_listing found;
  found.next_page = text_member(o, "nextPageToken");
  const json::value* items = o.if_contains("items");
  if (!items || items->is_null()) return found;
  if (!items->is_array()) throw unreadable(q, "is no listing");
  for (const json::value& item : items->get_array())
    found.objects.push_back(info_of(q, item));
  return found;
}

std::string session_target(const question& q, const http::response& head) {
  const std::string location = head.headers.get("Location");
  if (location.empty()) throw unreadable(q, "names no upload session");
  try {
    const http::url u = http::parse_url(location);
    if (u.query.empty()) throw unreadable(q, "names no upload session");
    return u.path + "?" + u.query;
  } catch (const request_failure&) {
    throw;
  } catch (const failure&) {
    throw unreadable(q, "names an upload session by something that is no URL");
  }
}

std::uint64_t held_bytes(const question& q, const http::response& head) {
  const auto range = head.headers.find("Range");
  if (!range) return 0;
  constexpr std::string_view unit = "bytes=0-";
  std::optional<std::uint64_t> last;
  if (range->starts_with(unit)) last = parse_number(std::string_view(*range).substr(unit.size()));
  if (!last || *last == UINT64_MAX) throw unreadable(q, "does not tell how much has arrived");
  return *last + 1;
}

std::string python_time(std::int64_t ns) {
  constexpr std::int64_t second = 1'000'000'000;
  const std::time_t seconds = static_cast<std::time_t>(ns / second);
  const std::int64_t micro = ns % second / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  const std::size_t n = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
  if (micro != 0) std::snprintf(text + n, sizeof text - n, ".%06d", static_cast<int>(micro));
  return std::string(text) + "+00:00";
}

} // namespace wale::store
