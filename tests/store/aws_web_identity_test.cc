// A role by the token in a file.
#include "aws_fixture.hpp"
#include "aws_web_identity.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

answer strict_sts(const received_request& r) {
  const bool right = r.method == "POST" && !r.has_header("Authorization") &&
                     says(r.body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&") &&
                     says(r.body, "&RoleArn=arn%3Ar&") && says(r.body, "&RoleSessionName=n&");
  const std::size_t at = r.body.find("&WebIdentityToken=");
  if (!right || at == std::string::npos)
    return reply(
        "<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>", 400);
  return reply(
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
      "<AccessKeyId>by-" +
      r.body.substr(at + 18) +
      "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
      "<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials>"
      "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
}

task<> fetch_once(credential_provider& source) {
  co_await source.fetch();
}

} // namespace

WALE_IO_TEST("the token file is read at each refresh") {
  const scratch_dir dir;
  scripted_peer peer(strict_sts);
  variables set;
  set["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir / "token";
  set["AWS_ROLE_ARN"] = "arn:r";
  set["AWS_ROLE_SESSION_NAME"] = "n";
  set["AWS_ENDPOINT_URL_STS"] = peer.url();
  http::client client(rt, {});
  const auto source = make_web_identity(rt, client, environment(set));
  const failure absent = failure_in(co_await error_of(fetch_once(*source)));
  dir.write("token", "first\n");
  const auto first = co_await source->fetch();
  dir.write("token", "second");
  const auto second = co_await source->fetch();
  dir.write("token", "");
  const failure empty = failure_in(co_await error_of(fetch_once(*source)));
  co_await client.close();
  CHECK(absent.why() == kind::configuration);
  CHECK(says(absent.text().detail, "AWS_WEB_IDENTITY_TOKEN_FILE"));
  REQUIRE(first);
  CHECK(first->key_id == "by-first");
  REQUIRE(second);
  CHECK(second->key_id == "by-second");
  CHECK(empty.why() == kind::configuration);
}

WALE_IO_TEST("web identity that is not set up, or by half") {
  http::client client(rt, {});
  const auto none = make_web_identity(rt, client, environment({}));
  const auto nothing = co_await none->fetch();
  variables set;
  set["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/nonexistent";
  const auto half = make_web_identity(rt, client, environment(set));
  const failure f = failure_in(co_await error_of(fetch_once(*half)));
  co_await client.close();
  CHECK_FALSE(nothing);
  CHECK(f.why() == kind::configuration);
  CHECK(says(f.text().detail, "AWS_ROLE_ARN"));
}
