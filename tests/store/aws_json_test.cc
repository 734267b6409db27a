// Documents as the EC2 User Guide ("Retrieve security credentials from instance metadata"), the ECS
// Developer Guide ("Task IAM role") and the AWS SDKs and Tools Reference Guide ("Process credential
// provider") print them.
#include "aws_fixture.hpp"
#include "aws_json.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

TEST_CASE("credentials of an instance") {
  const aws_credentials keys = parse_credentials(
      R"({
  "Code" : "Success",
  "LastUpdated" : "2012-04-26T16:39:16Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIAIOSFODNN7EXAMPLE",
  "SecretAccessKey" : "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  "Token" : "token",
  "Expiration" : "2017-05-17T15:09:54Z"
})",
      "x");
  CHECK(keys.key_id == "ASIAIOSFODNN7EXAMPLE");
  CHECK(keys.secret.reveal() == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  CHECK(keys.session_token.reveal() == "token");
  REQUIRE(keys.expiry);
  // date -u -d 2017-05-17T15:09:54Z +%s
  CHECK(keys.expiry->time_since_epoch() == std::chrono::seconds(1495033794));
}

TEST_CASE("credentials of a process") {
  const aws_credentials lasting = parse_process_credentials(
      R"({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s"})", "x");
  CHECK(lasting.session_token.empty());
  CHECK_FALSE(lasting.expiry);
  CHECK(
      parse_process_credentials(
          R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"t",
              "Expiration":"2019-05-29T00:21:43+00:00"})",
          "x")
          .session_token.reveal() == "t");
  for (const char* version : {"", R"("Version": 2,)", R"("Version": "1",)"}) {
    INFO(version);
    const std::string text =
        std::string("{") + version + R"("AccessKeyId":"A","SecretAccessKey":"s"})";
    CHECK_THROWS_AS(parse_process_credentials(text, "x"), failure);
  }
}

TEST_CASE("what holds no credentials is refused, and not shown") {
  const std::string documents[] = {
      "",
      "MARK",
      "[\"MARK\"]",
      "{\"AccessKeyId\": \"MARK\"}",
      "{\"SecretAccessKey\": \"MARK\", \"AccessKeyId\": \"\"}",
      "{\"SecretAccessKey\": 7, \"AccessKeyId\": \"MARK\"}",
      "{\"SecretAccessKey\": \"MARK\", \"AccessKeyId\": \"A\", \"Expiration\": \"MARK\"}",
      "{\"SecretAccessKey\": \"MARK\\r\\nX: y\", \"AccessKeyId\": \"A\"}",
      "{\"SecretAccessKey\": \"MARK\", \"AccessKeyId\": \"A\", \"Token\": \"t\\n\"}",
      "{\"SecretAccessKey\": \"MARK\"",
      "{\"Code\": \"MARK MARK\", \"SecretAccessKey\": \"MARK\", \"AccessKeyId\": \"A\"}",
      std::string(100'000, '['),
      "<html>MARK</html>",
  };
  for (const std::string& d : documents) {
    INFO(d.substr(0, 100));
    const failure f = failure_of([&] { parse_credentials(d, "the source"); });
    CHECK(f.why() == kind::unavailable);
    CHECK(says(f.text().detail, "the source"));
    CHECK_FALSE(says(f.text().msg + f.text().detail + f.text().hint, "MARK"));
  }
}

TEST_CASE("a failure that the metadata service reports is shown") {
  // EC2 User Guide, "Troubleshoot IAM roles".
  const failure f = failure_of(
      [] { parse_credentials(R"({"Code": "AssumeRoleUnauthorizedAccess"})", "the source"); });
  CHECK(says(f.text().detail, "AssumeRoleUnauthorizedAccess"));
}
