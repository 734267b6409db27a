// Requests, options and facts of the S3 driver. Header names and query parameters are those of the
// Amazon S3 API Reference.
#include "../../src/store/s3_options.hpp"
#include "../../src/store/s3_requests.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>

using namespace wale;
using namespace wale::store;

namespace {

settings with(std::map<std::string, std::string> variables) {
  settings s;
  s.variable = [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  return s;
}

s3_address an_address() {
  s3_settings where;
  where.bucket = "b";
  where.endpoint = "http+path://127.0.0.1:9000";
  return s3_address::resolve(where);
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

const question asked{"could not read an object", "s3://b/k"};

http::response answer(int status, std::map<std::string, std::string> fields) {
  http::response r;
  r.status = status;
  for (const auto& [name, value] : fields)
    r.headers.add(name, value);
  return r;
}

} // namespace

TEST_CASE("options that are not set leave a request as every S3 server takes it") {
  const s3_options o = s3_options_from(with({}), false, false);
  CHECK(o.for_new_objects.empty());
  CHECK(o.for_all_access.empty());
  CHECK(o.list_version == 2);
  CHECK(o.sign_payload);
  CHECK_FALSE(o.send_checksum);
  CHECK(o.conditional_writes);
  CHECK_FALSE(o.forbidden_is_absent);
  CHECK(s3_options_from(with({}), true, true).send_checksum);
}

TEST_CASE("an unsigned payload needs TLS") {
  CHECK(s3_options_from(with({{"WALE_S3_UNSIGNED_PAYLOAD", "1"}}), false, false).sign_payload);
  CHECK_FALSE(s3_options_from(with({{"WALE_S3_UNSIGNED_PAYLOAD", "1"}}), true, false).sign_payload);
}

TEST_CASE("unknown words are refused") {
  for (const char* name :
       {"WALE_S3_SSE",
        "WALE_S3_LIST_VERSION",
        "WALE_S3_CHECKSUM",
        "WALE_S3_CONDITIONAL_WRITES",
        "WALE_403_IS_ABSENT"})
    CHECK(kind_of([&] {
            s3_options_from(with({{name, "3"}}), true, false);
          }) == kind::configuration);
}

TEST_CASE("an upload without a digest of its payload is promised no checksums") {
  const s3_address address = an_address();
  for (const bool is_unsigned : {false, true}) {
    const s3_options o = s3_options_from(
        with({{"WALE_S3_UNSIGNED_PAYLOAD", is_unsigned ? "1" : "0"}, {"WALE_S3_CHECKSUM", "1"}}),
        true,
        true);
    const http::request r = s3_requests(address, o).begin("k", object_description());
    CHECK(r.headers.find("x-amz-checksum-algorithm").has_value() != is_unsigned);
  }
}

TEST_CASE("a customer's key is 32 bytes and goes over TLS only") {
  // openssl: printf '%s' 0123456789abcdef0123456789abcdef | base64, and | openssl md5 -binary |
  // base64
  const std::string key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  const std::map<std::string, std::string> variables{
      {"WALE_S3_SSE", "customer"}, {"WALE_S3_SSE_CUSTOMER_KEY", key}};
  const s3_options o = s3_options_from(with(variables), true, false);
  const s3_options::fields expected{
      {"x-amz-server-side-encryption-customer-algorithm", "AES256"},
      {"x-amz-server-side-encryption-customer-key", key},
      {"x-amz-server-side-encryption-customer-key-MD5", "hRasmdxgYDKV3nvbahU1MA=="}};
  CHECK(o.for_all_access == expected);
  CHECK(o.for_new_objects.empty());
  CHECK(kind_of([&] { s3_options_from(with(variables), false, false); }) == kind::configuration);
  CHECK(kind_of([&] {
          s3_options_from(
              with({{"WALE_S3_SSE", "customer"}, {"WALE_S3_SSE_CUSTOMER_KEY", "c2hvcnQ="}}),
              true,
              false);
        }) == kind::configuration);
}

TEST_CASE("a customer's key goes with all that is about its object, the completion included") {
  const s3_address address = an_address();
  s3_options o;
  o.for_all_access = {{"x-amz-server-side-encryption-customer-key", "K"}};
  const s3_requests requests(address, o);
  object_description description;
  upload u;
  u.key = "k";
  u.id = "id";
  for (const http::request& r :
       {requests.put("k", description, {}, false, ""),
        requests.begin("k", description),
        requests.part(u, 1, {}, ""),
        requests.complete(u, "<x/>", false),
        requests.head("k"),
        requests.get("k", "", "")}) {
    CAPTURE(line_of(r));
    CHECK(r.headers.get("x-amz-server-side-encryption-customer-key") == "K");
  }
  for (const http::request& r : {requests.list("k", ""), requests.remove("<x/>")})
    CHECK_FALSE(r.headers.find("x-amz-server-side-encryption-customer-key"));
}

TEST_CASE("storage class and encryption are of new objects, the condition of one request") {
  const s3_address address = an_address();
  const s3_options o = s3_options_from(
      with(
          {{"WALE_S3_STORAGE_CLASS", "STANDARD_IA"},
           {"WALE_S3_SSE", "aws:kms"},
           {"WALE_S3_SSE_KMS_KEY_ID", "arn:x"}}),
      true,
      false);
  const s3_requests requests(address, o);
  object_description about;
  about.content_type = "application/octet-stream";
  about.token = "t";
  const http::request put = requests.put("p/a b", about, {}, true, "sum");
  CHECK(put.method == "PUT");
  CHECK(put.target == "/b/p/a%20b");
  CHECK(put.headers.get("x-amz-storage-class") == "STANDARD_IA");
  CHECK(put.headers.get("x-amz-server-side-encryption") == "aws:kms");
  CHECK(put.headers.get("x-amz-server-side-encryption-aws-kms-key-id") == "arn:x");
  CHECK(put.headers.get("If-None-Match") == "*");
  CHECK(put.headers.get("x-amz-checksum-sha256") == "sum");
  CHECK(put.headers.get("x-amz-meta-wale-upload") == "t");
  CHECK_FALSE(put.headers.find("x-amz-meta-wale-sha256"));

  upload u;
  u.key = "k";
  u.id = "a+b/=";
  const http::request part = requests.part(u, 7, {}, "");
  CHECK(part.target == "/b/k?partNumber=7&uploadId=a%2Bb%2F%3D");
  CHECK_FALSE(part.headers.find("x-amz-storage-class"));
  CHECK(requests.begin("k", about).target == "/b/k?uploads=");
  CHECK_FALSE(requests.complete(u, "<x/>", false).headers.find("If-None-Match"));
  CHECK(requests.complete(u, "<x/>", true).headers.get("If-None-Match") == "*");
}

TEST_CASE("encryption with a key of Amazon's is asked for where an object begins") {
  const s3_address address = an_address();
  const s3_options o = s3_options_from(
      with({{"WALE_S3_SSE", "AES256"}, {"WALE_S3_SSE_KMS_KEY_ID", "arn:x"}}), false, false);
  const s3_requests requests(address, o);
  upload u;
  u.key = "k";
  u.id = "id";
  for (const http::request& r : {requests.put("k", {}, {}, false, ""), requests.begin("k", {})}) {
    CAPTURE(line_of(r));
    CHECK(r.headers.get("x-amz-server-side-encryption") == "AES256");
    CHECK_FALSE(r.headers.find("x-amz-server-side-encryption-aws-kms-key-id"));
  }
  for (const http::request& r :
       {requests.part(u, 1, {}, ""),
        requests.complete(u, "<x/>", false),
        requests.head("k"),
        requests.get("k", "", "")}) {
    CAPTURE(line_of(r));
    CHECK_FALSE(r.headers.find("x-amz-server-side-encryption"));
  }
}

TEST_CASE("encryption that is off is not asked for") {
  const s3_options o = s3_options_from(
      with({{"WALE_S3_SSE", "off"}, {"WALE_S3_SSE_KMS_KEY_ID", "arn:x"}}), true, true);
  CHECK(o.for_new_objects.empty());
  CHECK(o.for_all_access.empty());
}

TEST_CASE("a page of a list begins after a key, in both versions") {
  const s3_address address = an_address();
  const s3_options two;
  CHECK(
      line_of(s3_requests(address, two).list("p/", "p/z&")) ==
      "GET /b?encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F&start-after=p%2Fz%26");
  s3_options one;
  one.list_version = 1;
  CHECK(
      line_of(s3_requests(address, one).list("p/", "p/z")) ==
      "GET /b?encoding-type=url&marker=p%2Fz&max-keys=1000&prefix=p%2F");
}

TEST_CASE("a removal carries the MD5 that S3 requires") {
  const s3_address address = an_address();
  const s3_options o;
  // printf '<Delete/>' | openssl md5 -binary | base64
  CHECK(
      s3_requests(address, o).remove("<Delete/>").headers.get("Content-MD5") ==
      "ePbrFwvNFIRnzBrIv+T8Ag==");
}

TEST_CASE("facts come from the headers, and missing ones are no success") {
  const std::string digest(64, 'a');
  const object_facts f = facts_of_whole(
      s3_answers,
      asked,
      answer(
          200,
          {{"ETag", "\"e\""},
           {"Content-Length", "12"},
           {"X-Amz-Meta-Wale-Sha256", digest},
           {"x-amz-meta-wale-upload", "t"}}));
  CHECK(f.size == 12);
  CHECK(f.etag == "\"e\"");
  CHECK(f.token == "t");
  REQUIRE(f.plain_digest);
  CHECK(to_hex(*f.plain_digest) == digest);
  const auto without = [](std::map<std::string, std::string> fields) {
    return kind_of([&] { facts_of_whole(s3_answers, asked, answer(200, fields)); });
  };
  CHECK(without({{"Content-Length", "12"}}) == kind::unavailable);
  CHECK(without({{"ETag", "e"}}) == kind::unavailable);
  CHECK(without({{"ETag", "e"}, {"Content-Length", "12x"}}) == kind::unavailable);
}

TEST_CASE("a range must be the rest that was asked for") {
  const auto size =
      [](int status, const std::string& range, std::uint64_t length, std::uint64_t at) {
        const auto head = answer(status, {{"ETag", "e"}, {"Content-Range", range}});
        return facts_of_rest(s3_answers, asked, head, length, at).size;
      };
  CHECK(size(200, "", 10, 0) == 10);
  CHECK(size(206, "bytes 4-9/10", 6, 4) == 10);
  for (const auto& [status, range, length] :
       {std::tuple{200, "", 10},
        std::tuple{206, "bytes 3-9/10", 7},
        std::tuple{206, "bytes 4-8/10", 5},
        std::tuple{206, "bytes 4-9/10", 5},
        std::tuple{206, "bytes 4-9/*", 6},
        std::tuple{206, "4-9/10", 6},
        std::tuple{206, "", 6}}) {
    INFO(status << " " << range << " " << length);
    CHECK(kind_of([&] {
            size(status, range, static_cast<std::uint64_t>(length), 4);
          }) == kind::unavailable);
  }
}
