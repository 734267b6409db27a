#include "swift_requests.hpp"

#include <wale/base/digest.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;

namespace {

object_description described() {
  object_description d;
  d.content_type = "application/octet-stream";
  d.token = "token";
  d.plain_digest = sha256().finish();
  return d;
}

} // namespace

TEST_CASE("requests about objects of Swift") {
  const swift_requests requests("c");
  const std::string body = "x";
  const http::request put = requests.put(
      "/p/x", described(), {http::bytes_of(body)}, true, "9dd4e461268c8034f5c8564e155c67a6");
  CHECK(put.method == "PUT");
  CHECK(put.target == "/c//p/x");
  CHECK(put.headers.get("ETag") == "9dd4e461268c8034f5c8564e155c67a6");
  CHECK(put.headers.get("If-None-Match") == "*");
  CHECK(put.headers.get("X-Object-Meta-Wale-Upload") == "token");
  CHECK(
      put.headers.get("X-Object-Meta-Wale-Sha256") ==
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK_FALSE(requests.put("/p/x", described(), {}, false, "x").headers.find("If-None-Match"));

  const http::request manifest = requests.manifest("/p/x", described(), "[]", true, "e");
  CHECK(manifest.target == "/c//p/x?multipart-manifest=put");
  CHECK(manifest.headers.get("If-None-Match") == "*");
  CHECK(manifest.headers.get("X-Object-Meta-Wale-Upload") == "token");

  CHECK(requests.head("/p/x").headers.get("X-Newest") == "true");
  CHECK(requests.get("/p/x", 0, "").headers.size() == 0);
  const http::request rest = requests.get("/p/x", 7, "abc");
  CHECK(rest.headers.get("Range") == "bytes=7-");
  CHECK(rest.headers.get("If-Match") == "\"abc\"");
  CHECK(requests.get("/p/x", 7, "\"abc\"").headers.get("If-Match") == "\"abc\"");
}

TEST_CASE("requests about a container of Swift") {
  const swift_requests requests("c");
  CHECK(requests.list("/p/", "").target == "/c?format=json&prefix=%2Fp%2F");
  CHECK(
      requests.list("/p/", "/p/a&b").target == "/c?format=json&prefix=%2Fp%2F&marker=%2Fp%2Fa%26b");
  CHECK(requests.head_container().target == "/c");
  CHECK(requests.bulk_remove("/c//x\n").target == "?bulk-delete");
}
