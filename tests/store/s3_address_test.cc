// WAL-E's rules and words for buckets, regions and endpoints, and what AWS's General Reference says
// about host names ("Amazon S3 endpoints and quotas").
#include "s3_address.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace wale;
using namespace wale::store;

namespace {

s3_address address(std::string bucket, std::string region, std::string endpoint = {}) {
  s3_settings s;
  s.bucket = std::move(bucket);
  s.region = std::move(region);
  s.endpoint = std::move(endpoint);
  return s3_address::resolve(s);
}

failure refusal(std::string bucket, std::string region, std::string endpoint = {}) {
  try {
    address(bucket, region, endpoint);
  } catch (const failure& f) {
    return f;
  }
  FAIL("accepted: " << bucket << ' ' << region << ' ' << endpoint);
  throw;
}

} // namespace

TEST_CASE("s3 URLs are taken apart as WAL-E did") {
  struct row {
    const char* url;
    const char* bucket;
    const char* prefix;
  };
  const row rows[] = {
      {"s3://bucket/some/prefix", "bucket", "some/prefix/"},
      {"s3://bucket/some/prefix/", "bucket", "some/prefix/"},
      {"s3://bucket//some/prefix///", "bucket", "some/prefix/"},
      {"s3://bucket/a//b", "bucket", "a//b/"},
      {"s3://bucket", "bucket", ""},
      {"s3://bucket/", "bucket", ""},
      {"S3://My.Bucket/p", "My.Bucket", "p/"},
      {"s3://bucket/p?q#r %41", "bucket", "p?q#r %41/"},
  };
  for (const row& r : rows) {
    INFO(r.url);
    const s3_location where = parse_s3_url(r.url);
    CHECK(where.bucket == r.bucket);
    CHECK(where.prefix == r.prefix);
  }
}

TEST_CASE("an s3 URL names a bucket") {
  for (const char* url : {"s3://", "s3:///prefix", "s3:bucket", "http://bucket/x", ""}) {
    INFO(url);
    try {
      parse_s3_url(url);
      FAIL("accepted");
    } catch (const failure& f) {
      CHECK(f.why() == kind::configuration);
    }
  }
}

TEST_CASE("which buckets fit a sub-domain") {
  const std::string longest(63, 'a');
  for (const std::string& name :
       {std::string("abc"),
        longest,
        std::string("a-b"),
        std::string("1.2.3"),
        std::string("a.b-c.9"),
        std::string("1.2.3.x"),
        std::string("999")}) {
    INFO(name);
    CHECK(fits_subdomain(name));
  }
  for (const std::string& name :
       {std::string("ab"),
        longest + "a",
        std::string("Abc"),
        std::string("a_b"),
        std::string("a..b"),
        std::string("a-.b"),
        std::string("a.-b"),
        std::string("-ab"),
        std::string("ab-"),
        std::string(".ab"),
        std::string("ab."),
        std::string("1.2.3.4"),
        std::string("192.168.0.1"),
        std::string("a b"),
        std::string("")}) {
    INFO(name);
    CHECK_FALSE(fits_subdomain(name));
  }
}

TEST_CASE("a bucket that fits a sub-domain is addressed in its region") {
  const s3_address a = address("bucket", "eu-central-1");
  CHECK(a.origin().text() == "https://bucket.s3.eu-central-1.amazonaws.com");
  CHECK(a.region() == "eu-central-1");
  CHECK(a.region_is_known());
  CHECK(a.is_amazon());
  CHECK_FALSE(a.bucket_in_path());
  CHECK(a.target("wal_005/x.lzo") == "/wal_005/x.lzo");
  CHECK(a.bucket_target() == "/");
  CHECK_FALSE(a.warning());
  CHECK(address("bucket", "us-east-1").origin().host == "bucket.s3.us-east-1.amazonaws.com");
  CHECK(address("bucket", "cn-north-1").origin().host == "bucket.s3.cn-north-1.amazonaws.com.cn");
  CHECK(
      address("bucket", "us-gov-east-1").origin().host == "bucket.s3.us-gov-east-1.amazonaws.com");
}

TEST_CASE("other buckets are addressed by path on the region's host") {
  struct row {
    const char* region;
    const char* host;
  };
  // WAL-E's table; the last ones came after it.
  const row rows[] = {
      {"us-east-1", "s3.amazonaws.com"},
      {"us-west-1", "s3-us-west-1.amazonaws.com"},
      {"us-west-2", "s3-us-west-2.amazonaws.com"},
      {"eu-west-1", "s3-eu-west-1.amazonaws.com"},
      {"ap-southeast-1", "s3-ap-southeast-1.amazonaws.com"},
      {"ap-southeast-2", "s3-ap-southeast-2.amazonaws.com"},
      {"ap-northeast-1", "s3-ap-northeast-1.amazonaws.com"},
      {"sa-east-1", "s3-sa-east-1.amazonaws.com"},
      {"us-gov-west-1", "s3-us-gov-west-1.amazonaws.com"},
      {"us-east-2", "s3.us-east-2.amazonaws.com"},
      {"ca-central-1", "s3.ca-central-1.amazonaws.com"},
      {"eu-central-1", "s3.eu-central-1.amazonaws.com"},
      {"eu-west-2", "s3.eu-west-2.amazonaws.com"},
      {"eu-west-3", "s3.eu-west-3.amazonaws.com"},
      {"eu-north-1", "s3.eu-north-1.amazonaws.com"},
      {"ap-south-1", "s3.ap-south-1.amazonaws.com"},
      {"ap-northeast-2", "s3.ap-northeast-2.amazonaws.com"},
      {"ap-northeast-3", "s3.ap-northeast-3.amazonaws.com"},
      {"cn-north-1", "s3.cn-north-1.amazonaws.com.cn"},
      {"cn-northwest-1", "s3.cn-northwest-1.amazonaws.com.cn"},
      {"me-central-1", "s3.me-central-1.amazonaws.com"},
      {"ap-southeast-5", "s3.ap-southeast-5.amazonaws.com"},
  };
  for (const row& r : rows) {
    INFO(r.region);
    const s3_address a = address("dotted.bucket", r.region);
    CHECK(a.origin().text() == std::string("https://") + r.host);
    CHECK(a.target("k") == "/dotted.bucket/k");
    CHECK(a.bucket_target() == "/dotted.bucket");
    CHECK(a.region() == r.region);
    CHECK(a.bucket_in_path());
  }
  CHECK(address("Upper_Case", "eu-west-3").target("k") == "/Upper_Case/k");
}

TEST_CASE("a region that cannot be one is refused in WAL-E's words") {
  for (const char* region :
       {"atlantis",
        "eu-central",
        "EU-CENTRAL-1",
        "eu-central-1.evil.example",
        "eu-central-1/",
        "eu--1x",
        "-",
        "mars-north-1"})
    for (const char* bucket : {"dotted.bucket", "bucket"}) {
      INFO(region << ' ' << bucket);
      const failure f = refusal(bucket, region);
      CHECK(f.why() == kind::configuration);
      CHECK(f.text().msg == "Could not resolve host for AWS_REGION");
      CHECK(f.text().detail.find("\"" + std::string(region) + "\"") != std::string::npos);
    }
  CHECK(refusal("b", "").text().msg == "must define one of AWS_REGION or WALE_S3_ENDPOINT");
}

TEST_CASE("endpoints in WAL-E's form") {
  struct row {
    const char* endpoint;
    const char* origin;
    const char* target;
  };
  const row rows[] = {
      {"http+path://localhost:9000", "http://localhost:9000", "/my.bucket/k"},
      {"https+path://s3.example.org", "https://s3.example.org", "/my.bucket/k"},
      {"HTTPS+PATH://s3.example.org", "https://s3.example.org", "/my.bucket/k"},
      {"http+path://[::1]:9000", "http://[::1]:9000", "/my.bucket/k"},
      {"https+subdomain://s3.example.org:444", "https://my.bucket.s3.example.org:444", "/k"},
      {"http+virtualhost://s3.example.org:81", "http://my.bucket:81", "/k"},
      {"https+virtualhost://", "https://my.bucket", "/k"},
      {"https+path://", "https://s3.amazonaws.com", "/my.bucket/k"},
      {"http+path://:81", "http://s3.amazonaws.com:81", "/my.bucket/k"},
  };
  for (const row& r : rows) {
    INFO(r.endpoint);
    const s3_address a = address("my.bucket", "", r.endpoint);
    CHECK(a.origin().text() == r.origin);
    CHECK(a.target("k") == r.target);
    CHECK(a.region() == "us-east-1");
    CHECK_FALSE(a.region_is_known());
    CHECK_FALSE(a.warning());
  }
}

TEST_CASE("endpoints as plain URLs") {
  CHECK(address("bucket", "", "http://127.0.0.1:9000").target("k") == "/bucket/k");
  CHECK(address("bucket", "", "http://127.0.0.1:9000/").target("k") == "/bucket/k");
  const s3_address prefixed = address("bucket", "", "https://gate.example.org/s3/v1/");
  CHECK(prefixed.origin().text() == "https://gate.example.org");
  CHECK(prefixed.target("k") == "/s3/v1/bucket/k");
  CHECK(prefixed.bucket_target() == "/s3/v1/bucket");

  s3_settings s;
  s.bucket = "bucket";
  s.endpoint = "https://s3.example.org";
  s.prefer_virtual = true;
  const s3_address in_front = s3_address::resolve(s);
  CHECK(in_front.origin().text() == "https://bucket.s3.example.org");
  CHECK(in_front.target("k") == "/k");
  CHECK(in_front.bucket_target() == "/");
  s.bucket = "No_Host";
  CHECK(s3_address::resolve(s).target("k") == "/No_Host/k");
}

TEST_CASE("endpoints that are refused, in WAL-E's words") {
  struct row {
    const char* endpoint;
    const char* msg;
  };
  const row rows[] = {
      {"ftp+path://h", "WALE_S3_ENDPOINT URI scheme is invalid"},
      {"http+bogus://h", "WALE_S3_ENDPOINT URI scheme is invalid"},
      {"localhost:9000", "WALE_S3_ENDPOINT URI scheme is invalid"},
      {"https+://h", "WALE_S3_ENDPOINT URI scheme is invalid"},
      {"https+path://u:secret@h", "WALE_S3_ENDPOINT does not support username or password"},
      {"https://secret@h", "WALE_S3_ENDPOINT does not support username or password"},
      {"https+path://h/", "WALE_S3_ENDPOINT does not support a URI path"},
      {"https+subdomain://h/p", "WALE_S3_ENDPOINT does not support a URI path"},
      {"https+path://h?secret=1", "WALE_S3_ENDPOINT does not support query parameters"},
      {"https://h/p?secret", "WALE_S3_ENDPOINT does not support query parameters"},
      {"https://h#secret", "WALE_S3_ENDPOINT does not support query parameters"},
  };
  for (const row& r : rows) {
    INFO(r.endpoint);
    const failure f = refusal("bucket", "", r.endpoint);
    CHECK(f.why() == kind::configuration);
    CHECK(f.text().msg == r.msg);
    CHECK(f.text().detail.find("secret") == std::string::npos);
    CHECK_FALSE(f.text().hint.empty());
  }
  CHECK(refusal("bucket", "", "https://").why() == kind::configuration);
  CHECK(refusal("bucket", "", "https://h:99999").why() == kind::configuration);
  CHECK(refusal("No_Host", "", "http+subdomain://h").why() == kind::configuration);
}

TEST_CASE("a region beside an endpoint is signed for, with WAL-E's warning") {
  const s3_address a = address("bucket", "eu-west-1", "https+path://s3.example.org");
  CHECK(a.origin().host == "s3.example.org");
  CHECK(a.region() == "eu-west-1");
  CHECK(a.region_is_known());
  REQUIRE(a.warning());
  CHECK(a.warning()->msg == "WALE_S3_ENDPOINT defined, ignoring AWS_REGION");
  CHECK_FALSE(address("bucket", "auto", "https://s3.example.org").warning());
  CHECK(address("bucket", "auto", "https://s3.example.org").region() == "auto");
}

TEST_CASE("Amazon's hosts as endpoints tell their region") {
  for (const char* endpoint :
       {"https+path://s3-eu-west-1.amazonaws.com",
        "https+path://s3.eu-west-1.amazonaws.com",
        "https://s3.dualstack.eu-west-1.amazonaws.com",
        "https://bucket.vpce-1a2b3c4d-5e6f.s3.eu-west-1.vpce.amazonaws.com"}) {
    INFO(endpoint);
    const s3_address a = address("bucket", "", endpoint);
    CHECK(a.region() == "eu-west-1");
    CHECK(a.region_is_known());
    CHECK(a.is_amazon());
  }
  CHECK(address("b", "", "https://s3.cn-north-1.amazonaws.com.cn").region() == "cn-north-1");
  CHECK_FALSE(address("b", "", "https://s3.eu-west-1.amazonaws.com.example.org").is_amazon());
}

TEST_CASE("a bucket that turned out to be elsewhere") {
  const s3_address fitting = address("bucket", "us-east-1").in_region("eu-west-3");
  CHECK(fitting.origin().host == "bucket.s3.eu-west-3.amazonaws.com");
  CHECK(fitting.region() == "eu-west-3");
  const s3_address dotted = address("a.bucket", "us-east-1").in_region("eu-west-1");
  CHECK(dotted.origin().host == "s3-eu-west-1.amazonaws.com");
  CHECK(dotted.target("k") == "/a.bucket/k");
  const s3_address own = address("bucket", "", "http://127.0.0.1:9000").in_region("mars");
  CHECK(own.origin().text() == "http://127.0.0.1:9000");
  CHECK(own.region() == "mars");
  CHECK(own.region_is_known());
  CHECK_THROWS_AS(address("bucket", "us-east-1").in_region("x.evil.example/"), failure);
}

TEST_CASE("keys are percent-encoded but for slashes") {
  const s3_address a = address("bucket", "eu-central-1");
  // Python: urllib.parse.quote(key, safe="/~")
  CHECK(a.target("a b/c+d") == "/a%20b/c%2Bd");
  CHECK(a.target("a//b") == "/a//b");
  CHECK(a.target("/a") == "//a");
  CHECK(a.target("é%41?#") == "/%C3%A9%2541%3F%23");
  CHECK(address("b", "", "http://h").target("~-_.!*'()") == "/b/~-_.%21%2A%27%28%29");
}
