// Signatures against three other sources: AWS's Signature Version 4 test suite (as distributed with
// botocore 1.44.5, tests/unit/auth/aws4_testsuite), the examples of the Amazon S3 API Reference
// ("Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk"),
// and, for odd keys, what botocore 1.44.5 makes of the same requests.
#include "sigv4.hpp"
#include "sigv4_suite.hpp"

#include <wale/base/digest.hpp>

#include <catch2/catch.hpp>

#include <sstream>
#include <string>
#include <vector>

using namespace wale;
using namespace wale::store;

namespace {

using test::header_list;
using test::suite_vector;

http::request request_of(std::string method, std::string target, const header_list& headers) {
  http::request r;
  r.method = std::move(method);
  r.target = std::move(target);
  for (const auto& [name, value] : headers)
    r.headers.add(name, value);
  return r;
}

std::string signature_in(const std::string& authorization) {
  return authorization.substr(authorization.find("Signature=") + 10);
}

std::string sha256_of(std::string_view text) {
  sha256 hash;
  hash.update(http::bytes_of(text));
  return to_hex(hash.finish());
}

// 2026-11-20 18:40:41 UTC
const std::chrono::system_clock::time_point a_friday{std::chrono::seconds(1795200041)};
const aws_credentials suite_keys{
    "AKIDEXAMPLE", wale::secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")};
const aws_credentials book_keys{
    "AKIAIOSFODNN7EXAMPLE", wale::secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};

} // namespace

TEST_CASE("the signer passes AWS's test suite") {
  sigv4_signer signer({"us-east-1", "service", sigv4_flavour::generic});
  for (const suite_vector& v : test::suite) {
    INFO(v.name);
    header_list headers = v.headers;
    headers.insert(headers.begin(), {"Host", "example.amazonaws.com"});
    headers.emplace_back("X-Amz-Date", "20150830T123600Z");
    const http::request r = request_of(v.method, v.target, headers);
    const std::string body_hash = sha256_of(v.body);
    CHECK(sha256_of(canonical_request(r, body_hash, sigv4_flavour::generic)) == v.canonical_hash);
    CHECK(
        signer.authorization(r, suite_keys, "20150830T123600Z", body_hash) ==
        std::string("AWS4-HMAC-SHA256 "
                    "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                    "SignedHeaders=") +
            v.signed_headers + ", Signature=" + v.signature);
  }
}

TEST_CASE("string to sign as in AWS's test suite") {
  const http::request r = request_of(
      "GET", "/", {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}});
  const std::string canonical = canonical_request(r, sha256_of_nothing, sigv4_flavour::generic);
  CHECK(
      canonical == "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\n"
                   "host;x-amz-date\n"
                   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(
      string_to_sign("20150830T123600Z", {"us-east-1", "service"}, canonical) ==
      "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
      "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
}

TEST_CASE("the signer passes the examples of the S3 API Reference") {
  struct example {
    const char* method;
    const char* target;
    header_list headers;
    const char* body;
    const char* signature;
  };
  const example examples[] = {
      {"GET",
       "/test.txt",
       {{"Range", "bytes=0-9"}},
       "",
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"PUT",
       "/test%24file.text",
       {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
       "Welcome to Amazon S3.",
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"GET",
       "/?lifecycle",
       {},
       "",
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"GET",
       "/?max-keys=2&prefix=J",
       {},
       "",
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  sigv4_signer signer({"us-east-1"});
  // 2013-05-24 00:00:00 UTC
  const std::chrono::system_clock::time_point time{std::chrono::seconds(1369353600)};
  const http::origin to{"https", "examplebucket.s3.amazonaws.com", 443};
  for (const example& e : examples) {
    INFO(e.method << ' ' << e.target);
    http::request r = request_of(e.method, e.target, e.headers);
    signer.sign(r, to, book_keys, time, sha256_of(e.body));
    CHECK(signature_in(r.headers.get("Authorization")) == e.signature);
    CHECK(r.headers.get("x-amz-content-sha256") == sha256_of(e.body));
    CHECK(r.headers.get("x-amz-date") == "20130524T000000Z");
  }
}

TEST_CASE("keys of any bytes are signed as botocore signs them") {
  const std::pair<const char*, const char*> keys[] = {
      {"pg/wal_005/000000010000000000000001.lzo",
       "d6b03b00b4e1e893214b6aedb6a35e04179c00827d60117904f4d21f3730e209"},
      {"a b/c+d", "dd8f2de65d50cb20b120228123e9efa099c45af6483d582ed938b870c36fdd7c"},
      {"100%/50%25", "bd3d11177637143790b0bbac4219130471e581ad7ece628a5b04dcbe8fc85f02"},
      {"a//b///c", "66c0b7f41f701b87a3d40c2ecc05b6f9ef4821f1456da69c33d9ffc75b2d2c44"},
      {"/leading", "2373da25accb06286b90b882ca05eac99758cec489ab0b4eb4aea7b37b013fef"},
      {"../up/./x", "7ce823b3437b10962a11e5d8d4c1521d9a0253958ac738b894fb262f9d152435"},
      {"é/中/🐘", "af1fc1577adac42efd3a54460e1b8cee8f4080f04c0374488f443e5ffb01cae0"},
      {"~tilde-_.!*'()", "362033aa0a0a43b53131956b9c7e05975d55b908306ff2400ad9997b8719b0a3"},
      {"a=b&c?d#e", "dc6f5cb7d02fa2f490e824aae7a18efb7d0c4c8470a2ee1138452692d104c2fa"},
      {"col:on;semi,comma@at$", "6a5bcd9e884e4d022adb1baf2aaba62d8c23b2162c9df034cd37fe5795c6d175"},
      {"tab\there", "80ddfbe176cc4a98067959c0a41d31ab49f87ea40fde95836f8c72dc8a1780a3"},
      {"\"quoted\"<&>", "e9f09d8b80940c37302915bbe27c6d26b76403e5a5a3c48e8be1ef826e0fbf95"},
      {"trailing/", "8bc668b915e8f0392af9e9db282a6c5cec6cc05049594337993b9702b6ddf038"},
  };
  sigv4_signer signer({"eu-central-1"});
  const http::origin to{"https", "s3.eu-central-1.amazonaws.com", 443};
  for (const auto& [key, signature] : keys) {
    INFO(key);
    http::request r = request_of("GET", "/bucket/" + http::percent_encode(key, true), {});
    signer.sign(r, to, suite_keys, a_friday, sha256_of_nothing);
    CHECK(signature_in(r.headers.get("Authorization")) == signature);
  }
}

TEST_CASE("a part with a token and an unsigned body is signed as botocore signs it") {
  aws_credentials keys = suite_keys;
  keys.session_token = wale::secret("TOKEN/EXAMPLE==");
  sigv4_signer signer({"us-east-1"});
  http::request r = request_of(
      "PUT",
      "/k?partNumber=1&uploadId=a%2Bb%2F%3D",
      {{"Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="},
       {"x-amz-meta-wale-sha256", "00ff"},
       {"If-None-Match", "*"},
       {"Expect", "100-continue"},
       {"Content-Type", "application/octet-stream"}});
  signer.sign(
      r, {"https", "bucket.s3.us-east-1.amazonaws.com", 443}, keys, a_friday, unsigned_payload);
  CHECK(
      r.headers.get("Authorization") ==
      "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/s3/aws4_request, "
      "SignedHeaders=content-md5;content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;"
      "x-amz-meta-wale-sha256;x-amz-security-token, "
      "Signature=2be0238f340ca6af136cea0bf0e507a3e9b379c199a2b5a21e77545fe1f7de08");
  CHECK(r.headers.get("x-amz-security-token") == "TOKEN/EXAMPLE==");
  CHECK(r.headers.get("x-amz-content-sha256") == "UNSIGNED-PAYLOAD");
}

TEST_CASE("a query is sorted and encoded as botocore does, and a port is signed") {
  sigv4_signer signer({"us-east-1"});
  http::request r = request_of(
      "GET",
      "/bucket?list-type=2&prefix=p%20q%2F%2B%C3%A9&continuation-token=1%2F%2B%3D%20x"
      "&encoding-type=url&delete",
      {});
  signer.sign(r, {"http", "127.0.0.1", 9000}, suite_keys, a_friday, sha256_of_nothing);
  CHECK(
      signature_in(r.headers.get("Authorization")) ==
      "ad5fa04c2682811247e98b9528af2889377b5dc53ed80b3eaa189a9f1a3b3129");
  CHECK(r.headers.get("Host") == "127.0.0.1:9000");
}

TEST_CASE("other services: no payload header, the path is normalised and encoded once more") {
  aws_credentials keys = suite_keys;
  keys.session_token = wale::secret("TOKEN/EXAMPLE==");
  sigv4_signer signer({"eu-west-1", "sts", sigv4_flavour::generic});
  const http::origin sts{"https", "sts.eu-west-1.amazonaws.com", 443};
  http::request r = request_of(
      "POST", "/", {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}});
  signer.sign(r, sts, keys, a_friday, sha256_of("Action=AssumeRole&Version=2011-06-15"));
  CHECK(
      signature_in(r.headers.get("Authorization")) ==
      "e8fa99016c50700a393d6f1d14e1892c9e7674cfd70547174ee37089b774b2c1");
  CHECK_FALSE(r.headers.find("x-amz-content-sha256"));

  http::request odd = request_of("GET", "/a%20b/../c%2Bd//e/", {});
  signer.sign(odd, sts, suite_keys, a_friday, sha256_of_nothing);
  CHECK(
      signature_in(odd.headers.get("Authorization")) ==
      "221d3ee0c1ad37299636b5ac34fe1aa59ba679a0113f5e550dadf4daf128649f");
}

TEST_CASE("a request signed again is as if signed for the first time") {
  aws_credentials temporary = suite_keys;
  temporary.session_token = wale::secret("TOKEN/EXAMPLE==");
  sigv4_signer signer({"us-east-1"});
  const http::origin to{"https", "bucket.s3.us-east-1.amazonaws.com", 443};
  const auto tomorrow = a_friday + std::chrono::hours(24);

  http::request once = request_of("GET", "/k", {});
  signer.sign(once, to, book_keys, tomorrow, sha256_of_nothing);
  http::request twice = request_of("GET", "/k", {});
  signer.sign(twice, to, temporary, a_friday, unsigned_payload);
  REQUIRE(twice.headers.find("x-amz-security-token"));
  signer.sign(twice, to, book_keys, tomorrow, sha256_of_nothing);
  CHECK(twice.headers.get("Authorization") == once.headers.get("Authorization"));
  CHECK_FALSE(twice.headers.find("x-amz-security-token"));
  CHECK(twice.headers.size() == once.headers.size());
}

TEST_CASE("the stamp of a time") {
  CHECK(sigv4_stamp(a_friday) == "20261120T184041Z");
  CHECK(sigv4_stamp(a_friday + std::chrono::milliseconds(999)) == "20261120T184041Z");
  // `date -u -d @951782400`: the leap day of 2000.
  CHECK(
      sigv4_stamp(std::chrono::system_clock::time_point(std::chrono::seconds(951782400))) ==
      "20000229T000000Z");
}

TEST_CASE("the hash of a body in pieces is that of the whole") {
  const std::string a = "Welcome to ";
  const std::string b = "Amazon S3.";
  // S3 API Reference, example "PUT Object".
  CHECK(
      payload_hash({http::bytes_of(a), http::bytes_of(b)}) ==
      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
  CHECK(payload_hash({}) == sha256_of_nothing);
}

TEST_CASE("a secret prints as stars") {
  std::ostringstream out;
  out << book_keys.secret;
  CHECK(out.str() == "***");
}
