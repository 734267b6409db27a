// One function for each method.
#include "gcs_requests.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/digest.hpp>
#include <wale/http/url.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <utility>

namespace wale::store {
namespace {

namespace json = boost::json;

constexpr const char* facts = "fields=size,generation,crc32c,metadata";

std::string parameter(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + http::percent_encode(value);
}

json::object description_of(const object_description& about) {
  json::object metadata;
  if (about.plain_digest) metadata[gcs_digest_name] = to_hex(*about.plain_digest);
  metadata[gcs_token_name] = about.token;
  return {{"contentType", about.content_type}, {"metadata", std::move(metadata)}};
}

// "0 makes the operation succeed only if there is no live version of the object" (Objects: insert).
std::string if_new(bool create_only) {
  return create_only ? "&ifGenerationMatch=0" : "";
}

} // namespace

std::string compose_description(const object_description& about) {
  return json::serialize(description_of(about));
}

gcs_envelope compose_envelope(const object_description& about, std::uint32_t crc32c) {
  json::object described = description_of(about);
  described["crc32c"] = crc32c_text(crc32c);
  // 128 random bits, as the token is, stand in no body.
  const std::string boundary = "wal-e-" + about.token;
  gcs_envelope e;
  e.type = "multipart/related; boundary=" + boundary;
  e.head = "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" +
           json::serialize(described) + "\r\n--" + boundary +
           "\r\nContent-Type: " + about.content_type + "\r\n\r\n";
  e.tail = "\r\n--" + boundary + "--\r\n";
  return e;
}

std::string crc32c_text(std::uint32_t sum) {
  std::array<std::byte, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>(sum >> (24 - 8 * i));
  return to_base64(bytes);
}

std::optional<std::uint32_t> parse_crc32c(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != 4) return std::nullopt;
  std::uint32_t sum = 0;
  for (const char c : *bytes)
    sum = sum << 8 | static_cast<unsigned char>(c);
  return sum;
}

http::request gcs_requests::put(
    const std::string& key,
    const gcs_envelope& around,
    const http::body_pieces& body,
    bool create_only) const {
  http::request r;
  r.method = "POST";
  r.target = address_.upload_target() + "?uploadType=multipart&" + parameter("name", key) +
             if_new(create_only) + "&" + facts;
  r.headers.add("Content-Type", around.type);
  r.body.push_back(http::bytes_of(around.head));
  r.body.insert(r.body.end(), body.begin(), body.end());
  r.body.push_back(http::bytes_of(around.tail));
  return r;
}

http::request
gcs_requests::begin(const std::string& key, std::string_view document, bool create_only) const {
  http::request r;
  r.method = "POST";
  r.target = address_.upload_target() + "?uploadType=resumable&" + parameter("name", key) +
             if_new(create_only) + "&" + facts;
  r.headers.add("Content-Type", "application/json; charset=UTF-8");
  r.body.push_back(http::bytes_of(document));
  return r;
}

http::request gcs_requests::chunk(
    const std::string& session,
    std::uint64_t first,
    http::body_pieces bytes,
    std::optional<std::uint64_t> total,
    std::uint32_t crc32c) const {
  const std::uint64_t size = http::size_of(bytes);
  std::string range = "*";
  if (size > 0) range = std::to_string(first) + "-" + std::to_string(first + size - 1);
  http::request r;
  r.method = "PUT";
  r.target = session;
  r.headers.add("Content-Range", "bytes " + range + "/" + (total ? std::to_string(*total) : "*"));
  if (total) r.headers.add("X-Goog-Hash", "crc32c=" + crc32c_text(crc32c));
  r.body = std::move(bytes);
  return r;
}

http::request gcs_requests::ask(const std::string& session) const {
  http::request r;
  r.method = "PUT";
  r.target = session;
  r.headers.add("Content-Range", "bytes */*");
  return r;
}

http::request gcs_requests::cancel(const std::string& session) const {
  http::request r;
  r.method = "DELETE";
  r.target = session;
  return r;
}

http::request gcs_requests::head(const std::string& key) const {
  http::request r;
  r.target = address_.target(key) + "?" + facts;
  return r;
}

http::request gcs_requests::get(
    const std::string& key, std::uint64_t offset, const std::string& generation) const {
  http::request r;
  r.target = address_.target(key) + "?alt=media";
  if (!generation.empty()) r.target += "&" + parameter("generation", generation);
  if (offset > 0) r.headers.add("Range", "bytes=" + std::to_string(offset) + "-");
  return r;
}

http::request gcs_requests::list(
    const std::string& key_prefix, const std::string& from, const std::string& page) const {
  http::request r;
  r.target = address_.bucket_target() + "?maxResults=1000&" + parameter("prefix", key_prefix);
  if (!from.empty()) r.target += "&" + parameter("startOffset", from);
  if (!page.empty()) r.target += "&" + parameter("pageToken", page);
  r.target += "&fields=kind,nextPageToken,items(name,size,updated)";
  return r;
}

http::request gcs_requests::look_up(const std::string& key) const {
  http::request r;
  r.target = address_.bucket_target() + "?maxResults=1&" + parameter("prefix", key) +
             "&fields=kind,nextPageToken,items(name,size,updated)";
  return r;
}

http::request gcs_requests::remove(const std::string& key, const std::string& generation) const {
  http::request r;
  r.method = "DELETE";
  r.target = address_.target(key);
  if (!generation.empty()) r.target += "?" + parameter("ifGenerationMatch", generation);
  return r;
}

} // namespace wale::store
