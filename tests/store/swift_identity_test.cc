// Documents as the OpenStack Identity API v2.0 and v3 and the Object Storage API show them.
#include "bucket.hpp"
#include "swift_identity.hpp"

#include <wale/base/error.hpp>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;
using method = swift_login::method;

namespace {

swift_login a_login(method how) {
  swift_login l;
  l.how = how;
  l.origin = {"http", "keystone", 5000};
  l.path = how == method::v1 ? "/auth/v1.0" : how == method::v2_password ? "/v2.0" : "/v3";
  l.user = "admin";
  l.password = wale::secret("devstacker");
  l.project = "demo";
  l.user_domain = {"", "Default"};
  l.project_domain = {"default", ""};
  l.endpoint_type = "public";
  return l;
}

http::response head_of(int status, std::vector<std::pair<std::string, std::string>> fields = {}) {
  http::response r;
  r.status = status;
  for (auto& [name, value] : fields)
    r.headers.add(name, value);
  return r;
}

bool is_json(const std::string& text, const char* expected) {
  return boost::json::parse(text) == boost::json::parse(expected);
}

constexpr const char* v2_answer = R"({"access": {
  "token": {"issued_at": "2014-01-30T15:30:58.819Z", "expires": "2014-01-31T15:30:58Z",
            "id": "aaaaa-bbbbb-ccccc-dddd",
            "tenant": {"enabled": true, "id": "fc394f2ab2df4114bde39905f800dc57", "name": "demo"}},
  "serviceCatalog": [
    {"type": "compute", "endpoints": [{"publicURL": "http://compute/", "region": "RegionOne"}]},
    {"type": "object-store", "name": "swift", "endpoints_links": [], "endpoints": [
      {"adminURL": "http://23.253.72.207:8080", "region": "RegionOne",
       "internalURL": "http://10.0.0.1:8080/v1/AUTH_fc39",
       "id": "1", "publicURL": "http://23.253.72.207:8080/v1/AUTH_fc39/"},
      {"region": "RegionTwo", "publicURL": "https://two/v1/AUTH_fc39"}]}]}})";

constexpr const char* v3_answer = R"({"token": {"methods": ["password"],
  "expires_at": "2015-11-06T15:32:17.893769Z",
  "catalog": [
    {"type": "identity", "name": "keystone", "endpoints": []},
    {"type": "object-store", "name": "swift", "endpoints": [
      {"region_id": "RegionOne", "url": "http://23.253.211.234:8080", "region": "RegionOne",
       "interface": "admin"},
      {"region_id": "RegionOne", "url": "http://23.253.211.234:8080/v1/AUTH_c99",
       "region": "RegionOne", "interface": "public"},
      {"region_id": "two", "url": "https://two/v1/AUTH_c99", "interface": "public"}]}]}})";

} // namespace

TEST_CASE("signing in to version 1 is two headers, and so is the answer") {
  const swift_login l = a_login(method::v1);
  const std::string body = compose_login(l);
  const http::request r = login_request(l, body);
  CHECK(r.method == "GET");
  CHECK(r.target == "/auth/v1.0");
  CHECK(r.headers.get("X-Auth-User") == "admin");
  CHECK(r.headers.get("X-Auth-Key") == "devstacker");
  CHECK(r.body.empty());
  const swift_access a = parse_login(
      l,
      head_of(
          200,
          {{"X-Storage-Url", "https://example.com/v1/AUTH_7d"}, {"X-Auth-Token", "AUTH_tk84"}}),
      "");
  CHECK(a.token.reveal() == "AUTH_tk84");
  CHECK(a.origin.text() == "https://example.com");
  CHECK(a.path == "/v1/AUTH_7d");
}

TEST_CASE("signing in to version 2.0") {
  swift_login l = a_login(method::v2_password);
  CHECK(is_json(compose_login(l), R"({"auth": {"tenantName": "demo",
    "passwordCredentials": {"username": "admin", "password": "devstacker"}}})"));
  const std::string body = compose_login(l);
  CHECK(login_request(l, body).target == "/v2.0/tokens");
  const swift_access a = parse_login(l, head_of(200), v2_answer);
  CHECK(a.token.reveal() == "aaaaa-bbbbb-ccccc-dddd");
  CHECK(a.origin.text() == "http://23.253.72.207:8080");
  CHECK(a.path == "/v1/AUTH_fc39");
  l.region = "RegionTwo";
  CHECK(parse_login(l, head_of(200), v2_answer).origin.text() == "https://two");
  l.region = "RegionOne";
  l.endpoint_type = "internal";
  CHECK(parse_login(l, head_of(200), v2_answer).origin.host == "10.0.0.1");
  l.project_id = "fc39";
  CHECK(compose_login(l).find("\"tenantId\":\"fc39\"") != std::string::npos);
}

TEST_CASE("signing in to version 3 with a password") {
  swift_login l = a_login(method::v3_password);
  CHECK(is_json(compose_login(l), R"({"auth": {
    "identity": {"methods": ["password"], "password": {"user": {
      "name": "admin", "domain": {"name": "Default"}, "password": "devstacker"}}},
    "scope": {"project": {"name": "demo", "domain": {"id": "default"}}}}})"));
  const std::string body = compose_login(l);
  CHECK(login_request(l, body).target == "/v3/auth/tokens");
  const auto head = head_of(201, {{"X-Subject-Token", "gAAAA"}});
  const swift_access a = parse_login(l, head, v3_answer);
  CHECK(a.token.reveal() == "gAAAA");
  CHECK(a.origin.host == "23.253.211.234");
  CHECK(a.path == "/v1/AUTH_c99");
  l.region = "two";
  CHECK(parse_login(l, head, v3_answer).origin.host == "two");
  l.user_id = "ee4d";
  l.project_id = "a6944d";
  CHECK(is_json(compose_login(l), R"({"auth": {
    "identity": {"methods": ["password"], "password": {"user": {
      "id": "ee4d", "password": "devstacker"}}},
    "scope": {"project": {"id": "a6944d"}}}})"));
}

TEST_CASE("signing in to version 3 with an application credential") {
  swift_login l = a_login(method::v3_application_credential);
  l.credential_secret = wale::secret("rEaqvJka48mpv");
  l.credential_name = "monitoring";
  l.user_id = "423f19a4ac1e4f48bbb4180756e6eb6c";
  CHECK(is_json(compose_login(l), R"({"auth": {"identity": {
    "methods": ["application_credential"], "application_credential": {
      "name": "monitoring", "secret": "rEaqvJka48mpv",
      "user": {"id": "423f19a4ac1e4f48bbb4180756e6eb6c"}}}}})"));
  l.credential_id = "21dced0fd20347869b93710d2b98aae0";
  CHECK(is_json(compose_login(l), R"({"auth": {"identity": {
    "methods": ["application_credential"], "application_credential": {
      "id": "21dced0fd20347869b93710d2b98aae0", "secret": "rEaqvJka48mpv"}}}})"));
}

TEST_CASE("a region or interface that is not in the catalogue is named, beside those that are") {
  swift_login l = a_login(method::v3_password);
  l.region = "three";
  const auto head = head_of(201, {{"X-Subject-Token", "gAAAA"}});
  try {
    parse_login(l, head, v3_answer);
    FAIL();
  } catch (const failure& f) {
    CHECK(f.why() == kind::configuration);
    CHECK(f.text().detail.find("RegionOne") != std::string::npos);
    CHECK(f.text().hint.find("SWIFT_REGION") != std::string::npos);
  }
  l.endpoint_type = "internal";
  CHECK_THROWS_WITH(parse_login(l, head, v3_answer), Catch::Contains("no such object store"));
}

TEST_CASE("refusals are final, but for those of a server that is busy") {
  const swift_login l = a_login(method::v3_password);
  const auto when = [&](int status, const std::string& body = "") {
    try {
      parse_login(l, head_of(status), body);
    } catch (const request_failure& f) {
      CHECK(
          (f.text().msg + f.text().detail + f.text().hint).find("devstacker") == std::string::npos);
      return f.when();
    }
    return request_failure::repeat::at_once;
  };
  using repeat = request_failure::repeat;
  for (const int status : {300, 400, 401, 403, 404, 405, 501})
    CHECK(when(status) == repeat::never);
  for (const int status : {408, 429, 500, 502, 503})
    CHECK(when(status) == repeat::later);
  CHECK(
      when(401, R"({"error": {"message": "devstacker is wrong", "code": 401}})") == repeat::never);
}

TEST_CASE("an answer that is not the identity service's is believed in nothing") {
  const auto fails = [](method how, const http::response& head, const std::string& body) {
    try {
      parse_login(a_login(how), head, body);
    } catch (const failure& f) {
      return f.why() == kind::unavailable;
    }
    return false;
  };
  CHECK(fails(method::v1, head_of(200), ""));
  CHECK(fails(method::v1, head_of(200, {{"X-Auth-Token", "t"}, {"X-Storage-Url", "ftp://x"}}), ""));
  CHECK(fails(
      method::v1, head_of(200, {{"X-Auth-Token", "a b"}, {"X-Storage-Url", "http://x/"}}), ""));
  CHECK(fails(method::v2_password, head_of(200), "<html>"));
  CHECK(fails(method::v2_password, head_of(200), v3_answer));
  CHECK(fails(method::v3_password, head_of(201), v3_answer));
}
