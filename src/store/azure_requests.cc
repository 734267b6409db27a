// One function for each operation.
#include "azure_requests.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <utility>

namespace wale::store {
namespace {

void describe(http::request& r, const object_description& about) {
  if (about.plain_digest) r.headers.add(azure_digest_header, to_hex(*about.plain_digest));
  r.headers.add(azure_token_header, about.token);
}

} // namespace

http::request azure_requests::about(std::string method, std::string target) const {
  http::request r;
  r.method = std::move(method);
  r.target = std::move(target);
  r.headers.add("x-ms-version", azure_version);
  return r;
}

http::request azure_requests::put(
    const std::string& key,
    const object_description& description,
    http::body_pieces body,
    bool create_only,
    const std::string& md5) const {
  http::request r = about("PUT", address_.target(key));
  r.headers.add("x-ms-blob-type", "BlockBlob");
  r.headers.add("Content-Type", description.content_type);
  r.headers.add("Content-MD5", md5);
  if (create_only) r.headers.add("If-None-Match", "*");
  describe(r, description);
  r.body = std::move(body);
  return r;
}

http::request azure_requests::block(
    const std::string& key,
    const std::string& id,
    http::body_pieces body,
    const std::string& md5) const {
  http::request r =
      about("PUT", address_.target(key) + "?comp=block&blockid=" + http::percent_encode(id));
  r.headers.add("Content-MD5", md5);
  r.body = std::move(body);
  return r;
}

http::request
azure_requests::commit(const upload& what, std::string_view body, bool create_only) const {
  http::request r = about("PUT", address_.target(what.key) + "?comp=blocklist");
  r.headers.add("Content-Type", "application/xml");
  r.headers.add("Content-MD5", to_base64(md5(body)));
  r.headers.add("x-ms-blob-content-type", what.description.content_type);
  if (create_only) r.headers.add("If-None-Match", "*");
  describe(r, what.description);
  r.body = {http::bytes_of(body)};
  return r;
}

http::request azure_requests::head(const std::string& key) const {
  return about("HEAD", address_.target(key));
}

http::request
azure_requests::get(const std::string& key, std::uint64_t offset, const std::string& etag) const {
  http::request r = about("GET", address_.target(key));
  if (offset != 0) r.headers.add("Range", "bytes=" + std::to_string(offset) + "-");
  if (!etag.empty()) r.headers.add("If-Match", etag);
  return r;
}

http::request azure_requests::list(const std::string& key_prefix, const std::string& marker) const {
  std::string target = address_.container_target() + "?restype=container&comp=list";
  if (!marker.empty()) target += "&marker=" + http::percent_encode(marker);
  target += "&maxresults=1000";
  if (!key_prefix.empty()) target += "&prefix=" + http::percent_encode(key_prefix);
  return about("GET", std::move(target));
}

http::request azure_requests::remove(const std::string& key) const {
  return about("DELETE", address_.target(key));
}

} // namespace wale::store
