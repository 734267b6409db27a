// The pure parts of the Azure driver: signing, addresses, requests, answers. Expected values are
// those of Microsoft's documents, named at each.
#include "../../src/store/azure_bucket.hpp"
#include "../../src/store/azure_shared_key.hpp"
#include "../../src/store/azure_token.hpp"
#include "../../src/store/azure_xml.hpp"
#include "support/failure_of.hpp"

#include <wale/base/base64.hpp>
#include <wale/base/error.hpp>
#include <wale/store/open.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>

using namespace wale;
using test::failure_of;
using namespace wale::store;

namespace {

http::headers fields(std::map<std::string, std::string> all) {
  http::headers h;
  for (const auto& [name, value] : all)
    h.add(name, value);
  return h;
}

azure_address at(const std::string& endpoint, const std::string& account = "myaccount") {
  return azure_address::resolve({account, "mycontainer", endpoint});
}

constexpr const char* emulator = "http://127.0.0.1:10000/myaccount";
const question asked{"could not read an object", "wabs://c/k"};

azure_verdict judged(int status, const std::string& code, const std::string& more = "") {
  http::response head;
  head.status = status;
  const std::string body =
      "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code>" + more + "</Error>";
  return judge_azure(asked, head, body);
}

object_description description() {
  object_description d;
  d.content_type = "application/octet-stream";
  d.plain_digest = sha256_value{};
  d.token = "0123456789abcdef0123456789abcdef";
  return d;
}

// What open_store() complains about with these variables.
failure complaint(std::map<std::string, std::string> variables, const std::string& account = "") {
  io::runtime rt;
  settings how;
  how.wabs_account_name = account;
  how.variable = [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  const auto f = failure_of([&] { open_store(rt, "wabs://c/p", how); });
  REQUIRE(f);
  CHECK(f->why() == kind::configuration);
  return *f;
}

} // namespace

// "Authorize with Shared Key", "Blob, Queue, and File services (Shared Key authorization)": the
// example of Get Container Metadata. The signature is OpenSSL's, with the key of the storage
// emulator, which is published.
TEST_CASE("the published example of a string to sign") {
  http::request r;
  r.target = "/mycontainer?comp=metadata&restype=container&timeout=20";
  r.headers =
      fields({{"x-ms-version", "2015-02-21"}, {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"}});
  CHECK(
      azure_string_to_sign("myaccount", r) ==
      "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
      "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
      "timeout:20");
  const wale::secret key(*from_base64("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6"
                                      "tq/K1SZFPTOtr/KBHBeksoGMGw=="));
  CHECK(
      azure_authorization("myaccount", key, r) ==
      "SharedKey myaccount:1u9lui2jDxj0+fpbHjQ5m5NnastJRSYM+PSmfi8TXx4=");
}

// The same document, "Constructing the canonicalized resource string".
TEST_CASE("the published examples of a canonicalized resource") {
  CHECK(
      canonical_azure_resource("myaccount", "/mycontainer?restype=container&comp=metadata") ==
      "/myaccount/mycontainer\ncomp:metadata\nrestype:container");
  CHECK(
      canonical_azure_resource(
          "myaccount",
          "/mycontainer?restype=container&comp=list&include=snapshots&include=metadata&include="
          "uncommittedblobs") ==
      "/myaccount/mycontainer\ncomp:list\ninclude:metadata,snapshots,uncommittedblobs\n"
      "restype:container");
  CHECK(
      canonical_azure_resource("myaccount", "/mycontainer/myblob") ==
      "/myaccount/mycontainer/myblob");
  // "Emulator": the account is in the path, and comes twice.
  CHECK(
      canonical_azure_resource("myaccount", "/myaccount/mycontainer?PREFIX=a%2Fb%20c") ==
      "/myaccount/myaccount/mycontainer\nprefix:a/b c");
}

// The same document, "Constructing the canonicalized headers string".
TEST_CASE("headers are canonicalized as published") {
  CHECK(
      canonical_azure_headers(fields(
          {{"X-MS-Version", "2014-02-14"},
           {"Content-Type", "text/plain"},
           {"x-ms-date", "Sat, 21 Feb 2015 00:48:38 GMT"}})) ==
      "x-ms-date:Sat, 21 Feb 2015 00:48:38 GMT\nx-ms-version:2014-02-14\n");
  CHECK(canonical_azure_headers(fields({{"x-ms-meta-a", "  b  c\t"}})) == "x-ms-meta-a:b c\n");
}

TEST_CASE("standard headers have their lines, and a length of zero is none") {
  const std::string body = "12345678901";
  http::request r;
  r.method = "PUT";
  r.target = "/c/k";
  r.headers = fields(
      {{"Content-MD5", "sum"},
       {"Content-Type", "text/plain"},
       {"If-Match", "m"},
       {"If-None-Match", "*"},
       {"Range", "bytes=1-"}});
  CHECK(azure_string_to_sign("a", r) == "PUT\n\n\n\nsum\ntext/plain\n\n\nm\n*\n\nbytes=1-\n/a/c/k");
  r.body = {http::bytes_of(body)};
  CHECK(azure_string_to_sign("a", r).starts_with("PUT\n\n\n11\nsum\n"));
}

TEST_CASE("dates are those of RFC 1123") {
  using namespace std::chrono;
  const auto day = sys_days(year(2015) / 6 / 26);
  CHECK(azure_date(day + 23h + 39min + 12s) == "Fri, 26 Jun 2015 23:39:12 GMT");
}

TEST_CASE("a wabs prefix taken apart") {
  CHECK(parse_wabs_url("wabs://c/a/b").prefix == "a/b/");
  CHECK(parse_wabs_url("wabs://c//a/b//").prefix == "a/b/");
  CHECK(parse_wabs_url("wabs://c").prefix.empty());
  CHECK(parse_wabs_url("wabs://c/").container == "c");
  for (const char* bad : {"wabs://", "wabs:///p", "s3://b/p"})
    CHECK(failure_of([&] { parse_wabs_url(bad); })->why() == kind::configuration);
}

TEST_CASE("where an account is") {
  CHECK(at("").origin().text() == "https://myaccount.blob.core.windows.net");
  CHECK(at("").target("a b/ä") == "/mycontainer/a%20b/%C3%A4");
  CHECK(at(emulator).target("k") == "/myaccount/mycontainer/k");
  CHECK(at(std::string(emulator) + "/").container_target() == "/myaccount/mycontainer");
  CHECK(
      at("https://myaccount.blob.core.chinacloudapi.cn").origin().host ==
      "myaccount.blob.core.chinacloudapi.cn");
  for (const char* account : {"my.account", "A", "a/b", "a@b"})
    CHECK(failure_of([&] { at("", account); })->why() == kind::configuration);
  for (const char* bad : {"https://u:hidden@host", "https://host/a?sig=hidden", "ftp://host"}) {
    const auto f = failure_of([&] { at(bad); });
    REQUIRE(f);
    CHECK(f->why() == kind::configuration);
    CHECK(f->text().detail.find("hidden") == std::string::npos);
  }
}

// Header names and parameters: "Blob service REST API", the operations.
TEST_CASE("the requests of Azure") {
  const azure_address where = at(emulator);
  const azure_requests requests(where);
  const http::request put = requests.put("k", description(), {}, true, "c3Vt");
  CHECK(put.method + " " + put.target == "PUT /myaccount/mycontainer/k");
  CHECK(put.headers.get("x-ms-version") == azure_version);
  CHECK(put.headers.get("x-ms-blob-type") == "BlockBlob");
  CHECK(put.headers.get("If-None-Match") == "*");
  CHECK(put.headers.get("Content-MD5") == "c3Vt");
  CHECK(put.headers.get("x-ms-meta-wale_sha256") == std::string(64, '0'));
  CHECK(put.headers.get("x-ms-meta-wale_upload") == description().token);
  const http::request block = requests.block("k", "aWQ=", {}, "c3Vt");
  CHECK(block.target == "/myaccount/mycontainer/k?comp=block&blockid=aWQ%3D");
  upload what;
  what.key = "k";
  what.description = description();
  const http::request commit = requests.commit(what, "<BlockList/>", false);
  CHECK(commit.target == "/myaccount/mycontainer/k?comp=blocklist");
  CHECK(commit.headers.get("x-ms-blob-content-type") == "application/octet-stream");
  CHECK(!commit.headers.find("If-None-Match"));
  const http::request get = requests.get("k", 5, "\"e\"");
  CHECK(get.headers.get("Range") == "bytes=5-");
  CHECK(get.headers.get("If-Match") == "\"e\"");
  CHECK(!requests.get("k", 0, "").headers.find("Range"));
  CHECK(
      requests.list("a/b", "m!").target ==
      "/myaccount/"
      "mycontainer?restype=container&comp=list&marker=m%21&maxresults=1000&prefix=a%2Fb");
  CHECK(requests.remove("k").method == "DELETE");
}

// "Put Block": base64, at most 64 bytes before encoding, all of a blob of one length.
TEST_CASE("ids of blocks") {
  const std::string token = description().token;
  CHECK(from_base64(azure_block_id(token, 7)) == token + "000007");
  CHECK(azure_block_id(token, 1).size() == azure_block_id(token, 50'000).size());
  uploaded_part a, b;
  a.tag = "YQ==";
  b.tag = "Yg==";
  CHECK(
      compose_block_list({a, b}) ==
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<BlockList><Latest>YQ==</Latest><Latest>Yg==</Latest></BlockList>");
}

// "List Blobs", "Response body".
TEST_CASE("a listing of Azure") {
  const azure_listing list = parse_azure_listing(
      "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>"
      "<EnumerationResults ServiceEndpoint=\"http://myaccount.blob.core.windows.net/\" "
      "ContainerName=\"mycontainer\"><Prefix>p/</Prefix><MaxResults>4</MaxResults><Blobs>"
      "<Blob><Name>p/blob 1&amp;.txt</Name><Properties><Last-Modified>Wed, 09 Sep 2009 09:20:02 GMT"
      "</Last-Modified><Etag>0x8CBFF45D8A29A19</Etag><Content-Length>100</Content-Length>"
      "</Properties></Blob>"
      "<Blob><Name>p/directory</Name><Properties><ResourceType>directory</ResourceType>"
      "</Properties></Blob>"
      "<Blob><Name Encoded=\"true\">p/%EF%BF%BF</Name><Properties><Last-Modified>Wed, 09 Sep 2009 "
      "09:20:03 GMT</Last-Modified><Content-Length>0</Content-Length></Properties></Blob>"
      "</Blobs><NextMarker>2!80!x</NextMarker></EnumerationResults>");
  REQUIRE(list.objects.size() == 2);
  CHECK(list.objects[0].key.name == "p/blob 1&.txt");
  CHECK(list.objects[0].size == 100);
  CHECK(list.objects[0].last_modified == "2009-09-09 09:20:02+00:00");
  CHECK(list.objects[0].modified_ns == 1252488002LL * 1'000'000'000);
  CHECK(list.objects[1].key.name == "p/\xEF\xBF\xBF");
  CHECK(list.next_marker == "2!80!x");
}

TEST_CASE("what is no listing of Azure is a failure, never the end of one") {
  const std::string head = "<EnumerationResults><Blobs>";
  const std::string tail = "</Blobs><NextMarker/></EnumerationResults>";
  for (const std::string& bad :
       {std::string(),
        std::string("<html/>"),
        std::string("<EnumerationResults><NextMarker/></EnumerationResults>"),
        std::string("<EnumerationResults><Blobs/></EnumerationResults>"),
        head + "<Blob><Name>a</Name></Blob>" + tail,
        head +
            "<Blob><Name></Name><Properties><Content-Length>1</Content-Length><Last-Modified>Wed, "
            "09 Sep 2009 09:20:02 GMT</Last-Modified></Properties></Blob>" +
            tail,
        head + "<Blob><Name>a</Name>"})
    CHECK(failure_of([&] { parse_azure_listing(bad); })->why() == kind::unavailable);
}

// "Blob service error codes", "Common REST API error codes".
TEST_CASE("what Azure's answers mean") {
  using repeat = request_failure::repeat;
  using meaning = azure_meaning;
  CHECK(judged(404, "BlobNotFound").meaning == meaning::absent);
  CHECK(judged(404, "ContainerNotFound").meaning == meaning::final);
  CHECK(judged(409, "BlobAlreadyExists").meaning == meaning::exists);
  CHECK(judged(412, "ConditionNotMet").meaning == meaning::other_blob);
  CHECK(judged(503, "ServerBusy").failure.when() == repeat::later);
  CHECK(judged(500, "OperationTimedOut").failure.when() == repeat::later);
  CHECK(judged(429, "").failure.when() == repeat::later);
  CHECK(judged(501, "NotImplemented").failure.when() == repeat::never);
  CHECK(judged(401, "InvalidAuthenticationInfo").meaning == meaning::stale_token);
  CHECK(judged(403, "AuthenticationFailed").meaning == meaning::unauthenticated);
  CHECK(judged(400, "InvalidBlockList").failure.code() == "NoSuchUpload");
  CHECK(judged(403, "AuthenticationFailed").failure.why() == kind::configuration);
}

TEST_CASE("an answer to HEAD tells its code in a header") {
  http::response head;
  head.status = 404;
  CHECK(judge_azure(asked, head, "").meaning == azure_meaning::final);
  head.headers.add("x-ms-error-code", "BlobNotFound");
  CHECK(judge_azure(asked, head, "").meaning == azure_meaning::absent);
}

TEST_CASE("of a failed authentication only what has no signature in it is shown") {
  const std::string shown =
      "Signature not valid in the specified time frame: Start [a] - Expiry [b]";
  const std::string hidden =
      "The MAC signature found in the HTTP request 'hidden=' is not the same";
  const auto detail_of = [](const std::string& words) {
    return judged(
               403,
               "AuthenticationFailed",
               "<AuthenticationErrorDetail>" + words + "</AuthenticationErrorDetail>")
        .failure.text()
        .detail;
  };
  CHECK(detail_of(shown).find(shown) != std::string::npos);
  CHECK(detail_of(hidden).find("hidden") == std::string::npos);
}

TEST_CASE("facts of a blob, and heads that lack them") {
  http::response head;
  head.status = 206;
  head.headers = fields(
      {{"ETag", "\"e\""},
       {"Content-Range", "bytes 5-9/10"},
       {"x-ms-meta-wale_upload", "t"},
       {"x-ms-meta-wale_sha256", std::string(64, 'a')}});
  const object_facts f = facts_of_rest(azure_answers, asked, head, 5, 5);
  CHECK(f.size == 10);
  CHECK(f.token == "t");
  CHECK(f.plain_digest);
  CHECK(failure_of([&] { facts_of_rest(azure_answers, asked, head, 4, 5); }));
  CHECK(failure_of([&] { facts_of_rest(azure_answers, asked, head, 5, 4); }));
  CHECK(failure_of([&] { facts_of_whole(azure_answers, asked, head); }));
  head.status = 200;
  CHECK(failure_of([&] { facts_of_rest(azure_answers, asked, head, 5, 5); }));
}

TEST_CASE("a token in an answer") {
  const auto now = std::chrono::system_clock::now();
  const auto parsed = [&](const std::string& json) { return parse_azure_token(json, "x", now); };
  CHECK(
      parsed(R"({"access_token":"t","expires_in":"3599"})").expiry ==
      now + std::chrono::seconds(3599));
  CHECK(parsed(R"({"access_token":"t","expires_in":60})").bearer.reveal() == "t");
  for (const char* bad :
       {"",
        "[]",
        R"({"access_token":"t"})",
        R"({"access_token":"","expires_in":1})",
        R"({"access_token":"a b","expires_in":1})",
        R"({"access_token":"t","expires_in":-1})",
        R"({"access_token":"t","expires_in":"x"})"})
    CHECK(failure_of([&] { parsed(bad); })->why() == kind::unavailable);
}

TEST_CASE("what is missing is told by its name, before any request") {
  CHECK(complaint({}).text().msg == "WABS account name is undefined");
  CHECK(complaint({}).text().hint.find("--wabs-account-name") != std::string::npos);
  const failure none = complaint({{"WABS_ACCOUNT_NAME", "a"}});
  CHECK(none.text().msg == "WABS access credentials is required but not provided");
  CHECK(none.text().hint.find("WABS_ACCESS_KEY") != std::string::npos);
  CHECK(complaint({}, "a").text().msg == none.text().msg);
  CHECK(
      complaint({{"WABS_ACCESS_KEY", "not base64"}}, "a").text().msg ==
      "WABS_ACCESS_KEY is not a key");
  const failure sas = complaint({{"WABS_SAS_TOKEN", "sig=hidden hidden"}}, "a");
  CHECK(sas.text().msg == "WABS_SAS_TOKEN is not a shared access signature");
  CHECK(sas.text().detail.find("hidden") == std::string::npos);
  const failure half = complaint({{"AZURE_FEDERATED_TOKEN_FILE", "/t"}}, "a");
  CHECK(half.text().detail.find("AZURE_CLIENT_ID") != std::string::npos);
  const failure clear = complaint(
      {{"WALE_WABS_MANAGED_IDENTITY", "1"}, {"WALE_WABS_ENDPOINT", "http://127.0.0.1:1/a"}}, "a");
  CHECK(clear.text().msg == "a token would go over the network in the clear");
}
