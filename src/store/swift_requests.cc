#include "swift_requests.hpp"

#include "swift_address.hpp"

#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <utility>

namespace wale::store {
namespace {

void describe(http::request& r, const object_description& about, bool create_only) {
  r.headers.add("Content-Type", about.content_type);
  if (about.plain_digest) r.headers.add(swift_digest_header, to_hex(*about.plain_digest));
  r.headers.add(swift_token_header, about.token);
  if (create_only) r.headers.add("If-None-Match", "*");
}

// Swift writes ETags of plain objects without quotes, and takes both forms.
std::string quoted(const std::string& etag) {
  return etag.starts_with('"') ? etag : "\"" + etag + "\"";
}

} // namespace

http::request swift_requests::about(std::string method, const std::string& name) const {
  http::request r;
  r.method = std::move(method);
  r.target = object_target(container_, name);
  return r;
}

http::request swift_requests::put(
    const std::string& name,
    const object_description& description,
    http::body_pieces body,
    bool create_only,
    const std::string& etag) const {
  http::request r = about("PUT", name);
  describe(r, description, create_only);
  r.headers.add("ETag", etag);
  r.body = std::move(body);
  return r;
}

http::request swift_requests::part(
    const std::string& name, http::body_pieces body, const std::string& etag) const {
  http::request r = about("PUT", name);
  r.headers.add("Content-Type", "application/octet-stream");
  r.headers.add("ETag", etag);
  r.body = std::move(body);
  return r;
}

http::request swift_requests::manifest(
    const std::string& name,
    const object_description& description,
    std::string_view body,
    bool create_only,
    const std::string& etag) const {
  http::request r = about("PUT", name);
  r.target += "?multipart-manifest=put";
  describe(r, description, create_only);
  r.headers.add("Accept", "application/json");
  r.headers.add("ETag", etag);
  r.body = {http::bytes_of(body)};
  return r;
}

http::request swift_requests::head(const std::string& name) const {
  http::request r = about("HEAD", name);
  r.headers.add("X-Newest", "true");
  return r;
}

http::request
swift_requests::get(const std::string& name, std::uint64_t offset, const std::string& etag) const {
  http::request r = about("GET", name);
  if (offset != 0) r.headers.add("Range", "bytes=" + std::to_string(offset) + "-");
  if (!etag.empty()) r.headers.add("If-Match", quoted(etag));
  return r;
}

http::request swift_requests::head_container() const {
  http::request r;
  r.method = "HEAD";
  r.target = container_target(container_);
  return r;
}

http::request swift_requests::list(const std::string& prefix, const std::string& marker) const {
  http::request r;
  r.target = container_target(container_) + "?format=json&prefix=" + http::percent_encode(prefix);
  if (!marker.empty()) r.target += "&marker=" + http::percent_encode(marker);
  return r;
}

http::request swift_requests::remove(const std::string& name) const {
  return about("DELETE", name);
}

http::request swift_requests::bulk_remove(std::string_view body) const {
  http::request r;
  r.method = "POST";
  r.target = "?bulk-delete";
  r.headers.add("Content-Type", "text/plain");
  r.headers.add("Accept", "application/json");
  r.body = {http::bytes_of(body)};
  return r;
}

} // namespace wale::store
