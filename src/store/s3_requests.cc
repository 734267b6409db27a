// One function for each action.
#include "s3_requests.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <utility>

namespace wale::store {
namespace {

void add_all(http::request& r, const s3_options::fields& fields) {
  for (const auto& [name, value] : fields)
    r.headers.add(name, value);
}

void describe(http::request& r, const object_description& about) {
  r.headers.add("Content-Type", about.content_type);
  if (about.plain_digest) r.headers.add(s3_digest_header, to_hex(*about.plain_digest));
  r.headers.add(s3_token_header, about.token);
}

std::string parameter(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + http::percent_encode(value);
}

} // namespace

http::request s3_requests::about(std::string method, const std::string& key) const {
  http::request r;
  r.method = std::move(method);
  r.target = address_.target(key);
  add_all(r, options_.for_all_access);
  return r;
}

http::request s3_requests::put(
    const std::string& key,
    const object_description& description,
    http::body_pieces body,
    bool create_only,
    const std::string& checksum) const {
  http::request r = about("PUT", key);
  describe(r, description);
  add_all(r, options_.for_new_objects);
  if (create_only) r.headers.add("If-None-Match", "*");
  if (!checksum.empty()) r.headers.add("x-amz-checksum-sha256", checksum);
  r.body = std::move(body);
  return r;
}

http::request
s3_requests::begin(const std::string& key, const object_description& description) const {
  http::request r = about("POST", key);
  r.target += "?uploads=";
  describe(r, description);
  add_all(r, options_.for_new_objects);
  if (options_.send_checksum) r.headers.add("x-amz-checksum-algorithm", "SHA256");
  return r;
}

http::request s3_requests::part(
    const upload& to,
    std::uint32_t number,
    http::body_pieces body,
    const std::string& checksum) const {
  http::request r = about("PUT", to.key);
  r.target += "?partNumber=" + std::to_string(number) + "&" + parameter("uploadId", to.id);
  if (!checksum.empty()) r.headers.add("x-amz-checksum-sha256", checksum);
  r.body = std::move(body);
  return r;
}

http::request
s3_requests::complete(const upload& what, std::string_view body, bool create_only) const {
  // With the customer's key: Amazon wants it here if the parts have checksums (API Reference,
  // CompleteMultipartUpload), MinIO and older Ceph always.
  http::request r = about("POST", what.key);
  r.target += "?" + parameter("uploadId", what.id);
  r.headers.add("Content-Type", "application/xml");
  if (create_only) r.headers.add("If-None-Match", "*");
  r.body = {http::bytes_of(body)};
  return r;
}

http::request s3_requests::abort(const upload& what) const {
  http::request r;
  r.method = "DELETE";
  r.target = address_.target(what.key) + "?" + parameter("uploadId", what.id);
  return r;
}

http::request s3_requests::uploads(
    const std::string& key_prefix,
    const std::string& key_marker,
    const std::string& id_marker) const {
  http::request r;
  r.target = address_.bucket_target() + "?encoding-type=url";
  if (!key_marker.empty()) r.target += "&" + parameter("key-marker", key_marker);
  r.target += "&" + parameter("prefix", key_prefix);
  if (!id_marker.empty()) r.target += "&" + parameter("upload-id-marker", id_marker);
  r.target += "&uploads=";
  return r;
}

http::request s3_requests::head(const std::string& key) const {
  return about("HEAD", key);
}

http::request
s3_requests::get(const std::string& key, const std::string& range, const std::string& etag) const {
  http::request r = about("GET", key);
  if (!range.empty()) r.headers.add("Range", range);
  if (!etag.empty()) r.headers.add("If-Match", etag);
  return r;
}

http::request s3_requests::list(const std::string& key_prefix, const std::string& after) const {
  http::request r;
  r.target = address_.bucket_target() + "?encoding-type=url";
  if (options_.list_version == 2) r.target += "&list-type=2";
  if (options_.list_version == 1 && !after.empty()) r.target += "&" + parameter("marker", after);
  r.target += "&max-keys=1000&" + parameter("prefix", key_prefix);
  if (options_.list_version == 2 && !after.empty())
    r.target += "&" + parameter("start-after", after);
  return r;
}

http::request s3_requests::remove(std::string_view body) const {
  http::request r;
  r.method = "POST";
  r.target = address_.bucket_target() + "?delete=";
  r.headers.add("Content-Type", "application/xml");
  r.headers.add("Content-MD5", to_base64(md5(body)));
  r.body = {http::bytes_of(body)};
  return r;
}

} // namespace wale::store
