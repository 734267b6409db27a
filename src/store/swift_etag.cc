#include "swift_etag.hpp"

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

} // namespace

bool names_swift_etag(const question& q, const http::response& head, const std::string& sent) {
  const std::string etag = require_etag(swift_answers, q, head);
  return unquoted(etag) == sent;
}

void require_swift_etag(const question& q, const http::response& head, const std::string& sent) {
  if (!names_swift_etag(q, head, sent))
    throw unreadable(swift_answers, q, "has the ETag of other bytes");
}

std::string etag_of_parts(const std::vector<uploaded_part>& parts) {
  std::string all;
  for (const uploaded_part& p : parts)
    all += p.tag;
  return to_hex(md5(all));
}

} // namespace wale::store
