// Google's credential files and what is made of them. The signature is that of RFC 7515, A.2.
#include "aws_fixture.hpp"
#include "google_jwt.hpp"
#include "google_key.hpp"

#include <wale/base/base64.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;
using std::chrono::system_clock;

namespace {

// RFC 7515, A.2.1: the key that the example publishes, as PEM.
const char* const published_key = R"(
-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0
l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pC
gNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSX
ndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD
Zlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8
q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQABAoIBABKucaRpzQorw35S
bEUAVx8dYXUdZOlJcHtiWQ+dC6V8ljxAHj/PLyzTveyI5QO/xkObCyjIL303l2cf
UhPu2MFaJdjVzqACXuOrLot/eSFvxjvqVidTtAZExqFRJ9mylUVAoLvhowVWmC1O
n95fZCXxTUtxNEG1Xcc7m0rtzJKs45J+N/V9DP1edYH6USyPSWGp6wuA+KgHRnKK
Vf9GRx80JQY7nVNkL17eHoTWEwga+lwi0FEoW9Y7lDtWXYmKBWhUE+U8PGxlJf8f
40493HDw1WRQ/aSLoS4QTp3rn7gYgeHEvfJdkkf0UMhlknlo53M09EFPdadQ4TlU
bjqKc50CgYEA4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH/5IB3jw3bcxGn6QLvnE
tfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw/Py5PJdTJNPY8cQn7ouZ2KKDcmnPG
BY5t7yLc1QlQ5xHdwW1VhvKn+nXqhJTBgIPgtldC+KDV5z+y2XDwGUcCgYEAuQPE
fgmVtjL0Uyyx88GZFF1fOunH3+7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYs
p1ZSe7zFYHj7C6ul7TjeLQeZD/YwD66t62wDmpe/HlB+TnBA+njbglfIsRLtXlnD
zQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdcCgYAHAp9XcCSrn8wVkMVkKdb7
DOX4IKjzdahm+ctDAJN4O/y7OW5FKebvUjdAIt2GuoTZ71iTG+7F0F+lP88jtjP4
U4qe7VHoewl4MKOfXZKTe+YCS1XbNvfgwJ3Ltyl1OH9hWvu2yza7q+d5PCsDzqtm
27kxuvULVeya+TEdAB1ijQKBgQCH/3r6YrVH/uCWGy6bzV1nGNOdjKc9tmkfOJmN
54dxdixdpozCQ6U4OxZrsj3FcOhHBsqAHvX2uuYjagqvo3cOj1TRqNocX40omfCC
Mx3bD1yPPf/6TI2XECva/ggqEY2mYzmIiA5LVVmc5nrybr+lssFKneeyxN2Wq93S
0iJMdQKBgCGHewxzoa1r8ZMD0LETNrToK423K377UCYqXfg5XMclbrjPbEC3YI1Z
NqMtuhdBJqUnBi6tjKMF+34Xf0CUN8ncuXGO2CAYvO8PdyCixHX52ybaDjy1FtCE
6yUXjoKNXKvUm7MWGsAYH6f4IegOetN5NvmUMFStCSkh7ixZLkN1
-----END RSA PRIVATE KEY-----
)";

std::string file_of(boost::json::object more, const char* type = "service_account") {
  more["type"] = type;
  return boost::json::serialize(more);
}

const boost::json::object account{
    {"client_email", "a@p.iam.gserviceaccount.com"},
    {"private_key", published_key},
    {"private_key_id", "0123"},
    {"token_uri", "https://oauth2.example/token"}};

std::string decoded(std::string text) {
  for (char& c : text)
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0)
    text += '=';
  return from_base64(text).value();
}

} // namespace

TEST_CASE("RS256 as RFC 7515, A.2 shows it") {
  const std::string payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
                              "\"http://example.com/is_root\":true}";
  CHECK(
      sign_rs256(R"({"alg":"RS256"})", payload, secret(published_key)) ==
      "eyJhbGciOiJSUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
      "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7"
      "AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
      "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K"
      "0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
      "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
      "p0igcN_IoypGlUPQGe77Rw");
}

TEST_CASE("what is no RSA key does not sign") {
  for (const char* pem : {"", "SECRET", "-----BEGIN PRIVATE KEY-----\nSECRET\n"}) {
    const failure f = failure_of([&] { sign_rs256("{}", "{}", secret(pem)); });
    CHECK(f.why() == kind::configuration);
    CHECK_FALSE(says(f.text().detail + f.text().hint, "SECRET"));
  }
}

TEST_CASE("a service account asks with a signed statement") {
  const google_key key = parse_google_key(file_of(account), "The file");
  CHECK(token_url_of(key) == "https://oauth2.example/token");
  const std::string form = compose_token_request(key, system_clock::from_time_t(1'700'000'000));
  const std::string front =
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
  REQUIRE(form.starts_with(front));
  const std::string jwt = form.substr(front.size());
  const std::size_t dot = jwt.find('.');
  CHECK(decoded(jwt.substr(0, dot)) == R"({"alg":"RS256","typ":"JWT","kid":"0123"})");
  CHECK(
      decoded(jwt.substr(dot + 1, jwt.rfind('.') - dot - 1)) ==
      R"({"iss":"a@p.iam.gserviceaccount.com",)"
      R"("scope":"https://www.googleapis.com/auth/devstorage.read_write",)"
      R"("aud":"https://oauth2.example/token","iat":1700000000,"exp":1700003600})");
}

TEST_CASE("a user asks with a refresh token") {
  const google_key key = parse_google_key(
      file_of(
          {{"client_id", "i&d"}, {"client_secret", "s=1"}, {"refresh_token", "1//r"}},
          "authorized_user"),
      "The file");
  CHECK(token_url_of(key) == "https://oauth2.googleapis.com/token");
  CHECK(
      compose_token_request(key, {}) ==
      "grant_type=refresh_token&client_id=i%26d&client_secret=s%3D1&refresh_token=1%2F%2Fr");
}

TEST_CASE("other files are refused without a word of them") {
  for (const std::string& text :
       {std::string("SECRET"),
        std::string("[]"),
        file_of({{"private_key", "SECRET"}}),
        file_of({{"client_email", "a"}, {"private_key", 5}}),
        file_of({{"refresh_token", "SECRET"}}, "authorized_user"),
        file_of({{"x", "SECRET"}}, "external_account")}) {
    const failure f = failure_of([&] { parse_google_key(text, "The file \"f\""); });
    CHECK(f.why() == kind::configuration);
    CHECK(says(f.text().detail, "The file \"f\""));
    CHECK(says(f.text().hint, "GOOGLE_APPLICATION_CREDENTIALS"));
    CHECK_FALSE(says(f.text().detail, "SECRET"));
  }
}

TEST_CASE("answers with tokens") {
  const auto now = system_clock::from_time_t(1'700'000'000);
  const google_token t =
      parse_token(R"({"access_token":"ya29.x","expires_in":3599})", "the endpoint", now);
  CHECK(t.text.reveal() == "ya29.x");
  CHECK(t.expiry == now + std::chrono::seconds(3599));
  CHECK_FALSE(parse_token(R"({"access_token":"x"})", "the endpoint", now).expiry);
  for (const char* text :
       {"",
        "{}",
        R"({"access_token":""})",
        R"({"access_token":"SECRET\r\nX: y"})",
        R"({"access_token":"SECRET","expires_in":-1})",
        R"({"access_token":"SECRET","expires_in":1e300})"}) {
    const failure f = failure_of([&] { parse_token(text, "the endpoint", now); });
    CHECK(f.why() == kind::unavailable);
    CHECK_FALSE(says(f.text().detail, "SECRET"));
  }
}

TEST_CASE("what a token endpoint says about a refusal") {
  CHECK(
      refusal_in(R"({"error":"invalid_grant","error_description":"Invalid JWT\nSignature."})") ==
      "invalid_grant: Invalid JWT Signature.");
  CHECK(refusal_in("<html>").empty());
}
