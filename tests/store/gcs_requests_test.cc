// Addresses, requests and facts of the driver for Google Cloud Storage. Targets, parameters and
// headers are those of the Cloud Storage JSON API reference and of "Perform resumable uploads".
#include "gcs_address.hpp"
#include "gcs_facts.hpp"
#include "gcs_requests.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>

using namespace wale;
using namespace wale::store;

namespace {

const question asked{"could not read an object", "gs://b/k"};

gcs_address an_address(const std::string& emulator = {}, const std::string& endpoint = {}) {
  gcs_settings s;
  s.bucket = "a-bucket";
  s.emulator = emulator;
  s.endpoint = endpoint;
  return gcs_address::resolve(s);
}

std::optional<kind> kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const failure& f) {
    return f.why();
  }
  return std::nullopt;
}

std::string line_of(const http::request& r) {
  return r.method + " " + r.target;
}

std::string text_of(const http::body_pieces& pieces) {
  std::string text;
  for (const auto& p : pieces)
    text.append(reinterpret_cast<const char*>(p.data()), p.size());
  return text;
}

http::response answer(int status, std::map<std::string, std::string> fields) {
  http::response r;
  r.status = status;
  for (const auto& [name, value] : fields)
    r.headers.add(name, value);
  return r;
}

} // namespace

TEST_CASE("gcs: gs URLs are taken apart as WAL-E did") {
  struct row {
    const char* url;
    const char* bucket;
    const char* root;
  };
  const row rows[] = {
      {"gs://bucket/some/prefix", "bucket", "/some/prefix/"},
      {"gs://bucket//some/prefix///", "bucket", "/some/prefix/"},
      {"gs://bucket/a//b", "bucket", "/a//b/"},
      {"gs://bucket", "bucket", "/"},
      {"GS://my_bucket.org/", "my_bucket.org", "/"},
  };
  for (const row& r : rows) {
    INFO(r.url);
    const gcs_location where = parse_gs_url(r.url);
    CHECK(where.bucket == r.bucket);
    CHECK(where.root == r.root);
  }
  for (const char* url : {"gs://", "gs:///prefix", "gs:bucket", "s3://bucket/x", ""})
    CHECK(kind_of([&] { parse_gs_url(url); }) == kind::configuration);
}

TEST_CASE("gcs: where requests go") {
  CHECK(an_address().origin().text() == "https://storage.googleapis.com");
  CHECK(an_address().wants_token());
  const gcs_address emulator = an_address("localhost:4443");
  CHECK(emulator.origin().text() == "http://localhost:4443");
  CHECK_FALSE(emulator.wants_token());
  CHECK(an_address("https://[::1]:9/base/").target("/k") == "/base/storage/v1/b/a-bucket/o/%2Fk");
  CHECK(an_address("", "https://gcs.example").origin().host == "gcs.example");
  CHECK(an_address("", "http://127.0.0.1:9").wants_token());
  CHECK(kind_of([] { an_address("", "http://gcs.example"); }) == kind::configuration);
  CHECK(kind_of([] { an_address("", "gcs.example"); }) == kind::configuration);
  CHECK(kind_of([] { an_address("", "https://u:p@gcs.example"); }) == kind::configuration);
  CHECK(kind_of([] { an_address("ftp://x"); }) == kind::configuration);
}

TEST_CASE("gcs: requests") {
  const gcs_address address = an_address();
  const gcs_requests make(address);
  const std::string object = "/storage/v1/b/a-bucket/o/%2Fp%2Fa%20b%2B%C3%A9";
  const std::string key = "/p/a b+\xC3\xA9";
  const std::string facts = "fields=size,generation,crc32c,metadata";
  CHECK(line_of(make.head(key)) == "GET " + object + "?" + facts);
  CHECK(line_of(make.get(key, 0, "")) == "GET " + object + "?alt=media");
  const http::request rest = make.get(key, 17, "1700000000000001");
  CHECK(line_of(rest) == "GET " + object + "?alt=media&generation=1700000000000001");
  CHECK(rest.headers.get("Range") == "bytes=17-");
  CHECK(line_of(make.remove(key, "")) == "DELETE " + object);
  CHECK(line_of(make.remove(key, "7")) == "DELETE " + object + "?ifGenerationMatch=7");
  CHECK(
      line_of(make.list("/p/", "/p/x&", "t=")) ==
      "GET /storage/v1/b/a-bucket/o?maxResults=1000&prefix=%2Fp%2F&startOffset=%2Fp%2Fx%26"
      "&pageToken=t%3D&fields=kind,nextPageToken,items(name,size,updated)");

  const http::request begin = make.begin("/k", "{}", true);
  CHECK(
      line_of(begin) == "POST /upload/storage/v1/b/a-bucket/o?uploadType=resumable&name=%2Fk"
                        "&ifGenerationMatch=0&" +
                            facts);
  CHECK(text_of(begin.body) == "{}");
  CHECK(make.begin("/k", "{}", false).target.find("ifGeneration") == std::string::npos);
}

TEST_CASE("gcs: chunks say where they belong, and the last one what all of it is") {
  const gcs_address address = an_address();
  const gcs_requests make(address);
  const std::string bytes(10, 'x');
  const http::body_pieces body{http::bytes_of(bytes)};
  const http::request middle = make.chunk("/s?upload_id=1", 524288, body, std::nullopt, 1);
  CHECK(line_of(middle) == "PUT /s?upload_id=1");
  CHECK(middle.headers.get("Content-Range") == "bytes 524288-524297/*");
  CHECK_FALSE(middle.headers.find("X-Goog-Hash"));
  const http::request last = make.chunk("/s", 524288, body, 524298, 0xe3069283);
  CHECK(last.headers.get("Content-Range") == "bytes 524288-524297/524298");
  CHECK(last.headers.get("X-Goog-Hash") == "crc32c=4waSgw==");
  CHECK(make.chunk("/s", 524288, {}, 524288, 0).headers.get("Content-Range") == "bytes */524288");
  CHECK(make.ask("/s").headers.get("Content-Range") == "bytes */*");
  CHECK(make.ask("/s").method == "PUT");
  CHECK(make.cancel("/s").method == "DELETE");
}

TEST_CASE("gcs: an upload of one request is a document and the bytes") {
  object_description about;
  about.content_type = "text/plain";
  about.token = "0123456789abcdef0123456789abcdef";
  about.plain_digest = sha256_value{};
  const gcs_envelope e = compose_envelope(about, 0xe3069283);
  const gcs_address address = an_address();
  const std::string bytes = "123456789";
  const http::body_pieces body{http::bytes_of(bytes)};
  const http::request r = gcs_requests(address).put("/k", e, body, true);
  CHECK(r.target.starts_with("/upload/storage/v1/b/a-bucket/o?uploadType=multipart&name=%2Fk"
                             "&ifGenerationMatch=0&"));
  const std::string boundary = "wal-e-" + about.token;
  CHECK(r.headers.get("Content-Type") == "multipart/related; boundary=" + boundary);
  CHECK(
      text_of(r.body) == "--" + boundary +
                             "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
                             R"({"contentType":"text/plain","metadata":{"wale-sha256":")" +
                             std::string(64, '0') + R"(","wale-upload":")" + about.token +
                             R"("},"crc32c":"4waSgw=="})" + "\r\n--" + boundary +
                             "\r\nContent-Type: text/plain\r\n\r\n123456789\r\n--" + boundary +
                             "--\r\n");
}

TEST_CASE("gcs: sums are base64 of four bytes, the highest first") {
  CHECK(crc32c_text(0) == "AAAAAA==");
  CHECK(crc32c_text(0xe3069283) == "4waSgw==");
  CHECK(parse_crc32c("4waSgw==") == 0xe3069283);
  CHECK_FALSE(parse_crc32c("4waS"));
  CHECK_FALSE(parse_crc32c(""));
  CHECK_FALSE(parse_crc32c("****"));
}

TEST_CASE("gcs: an object's resource") {
  const object_facts f = parse_object(
      asked,
      R"({"size":"9","generation":"1700000000000001","crc32c":"4waSgw==","metadata":{"wale-upload":"t"}})");
  CHECK(f.size == 9);
  CHECK(f.etag == "1700000000000001");
  CHECK(f.crc32c == 0xe3069283);
  CHECK(f.token == "t");
  CHECK_FALSE(f.plain_digest);
  // WAL-E's have no metadata.
  CHECK(parse_object(asked, R"({"size":"0","generation":"1"})").token.empty());
  for (const char* text :
       {"",
        "[]",
        "{}",
        R"({"size":"9"})",
        R"({"generation":"1"})",
        R"({"size":"-1","generation":"1"})",
        R"({"size":"1","generation":"x"})",
        "<html>"})
    CHECK(kind_of([&] { parse_object(asked, text); }) == kind::unavailable);
}

TEST_CASE("gcs: media tell the object they are of") {
  const std::map<std::string, std::string> fields{
      {"X-Goog-Generation", "5"}, {"X-Goog-Hash", "crc32c=4waSgw==,md5=Ojk9c3dhfxgoKVVHYwFbHQ=="}};
  const object_facts whole = facts_of_media(asked, answer(200, fields), 9, 0);
  CHECK(whole.size == 9);
  CHECK(whole.etag == "5");
  CHECK(whole.crc32c == 0xe3069283);
  auto ranged = fields;
  ranged["Content-Range"] = "bytes 4-8/9";
  CHECK(facts_of_media(asked, answer(206, ranged), 5, 4).size == 9);
  const auto refuses =
      [](const http::response& head, std::optional<std::uint64_t> length, std::uint64_t offset) {
        return kind_of([&] { facts_of_media(asked, head, length, offset); }) == kind::unavailable;
      };
  CHECK(refuses(answer(200, fields), 9, 4));            // the range was ignored
  CHECK(refuses(answer(206, ranged), 5, 3));            // another one
  CHECK(refuses(answer(206, ranged), 4, 4));            // not to the end
  CHECK(refuses(answer(200, fields), std::nullopt, 0)); // perhaps cut short
  CHECK(refuses(answer(200, {}), 9, 0));
}

TEST_CASE("gcs: listings") {
  const gcs_listing found = parse_gcs_listing(
      asked,
      R"({"kind":"storage#objects","nextPageToken":"t","items":[)"
      R"({"name":"/p/a","size":"12","updated":"2026-11-20T18:45:57.123Z"}]})");
  REQUIRE(found.objects.size() == 1);
  CHECK(found.objects[0].key.name == "/p/a");
  CHECK(found.objects[0].size == 12);
  CHECK(found.objects[0].last_modified == "2026-11-20 18:45:57.123000+00:00");
  CHECK(found.next_page == "t");
  CHECK(parse_gcs_listing(asked, R"({"kind":"storage#objects"})").objects.empty());
  for (const char* text :
       {"",
        "{}",
        R"({"kind":"storage#object"})",
        R"({"kind":"storage#objects","items":{}})",
        R"({"kind":"storage#objects","items":[1]})",
        R"({"kind":"storage#objects","items":[{"name":"a","size":"1"}]})"})
    CHECK(kind_of([&] { parse_gcs_listing(asked, text); }) == kind::unavailable);
}

// str(datetime.datetime(...)) of Python 3.
TEST_CASE("gcs: times as Python prints them") {
  CHECK(python_time(1'795'200'357'123'456'789) == "2026-11-20 18:45:57.123456+00:00");
  CHECK(python_time(1'795'200'357'000'000'000) == "2026-11-20 18:45:57+00:00");
}

TEST_CASE("gcs: where an upload goes on, and how far it has come") {
  const auto at = [](const std::string& location) {
    return session_target(asked, answer(200, {{"Location", location}}));
  };
  CHECK(
      at("https://storage.googleapis.com/upload/storage/v1/b/b/"
         "o?uploadType=resumable&upload_id=x") ==
      "/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=x");
  CHECK(kind_of([&] { at(""); }) == kind::unavailable);
  CHECK(kind_of([&] { at("/relative?upload_id=x"); }) == kind::unavailable);
  CHECK(kind_of([&] { at("https://host/nothing"); }) == kind::unavailable);
  CHECK(held_bytes(asked, answer(308, {})) == 0);
  CHECK(held_bytes(asked, answer(308, {{"Range", "bytes=0-524287"}})) == 524288);
  for (const char* range : {"", "bytes=1-5", "0-5", "bytes=0-", "bytes=0-18446744073709551615"})
    CHECK(kind_of([&] {
            held_bytes(asked, answer(308, {{"Range", range}}));
          }) == kind::unavailable);
}
