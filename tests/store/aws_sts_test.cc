// Requests and answers of STS as the AWS Security Token Service API Reference prints them
// ("AssumeRole", "AssumeRoleWithWebIdentity", "Examples").
#include "aws_fixture.hpp"
#include "aws_sts.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

const char* const assumed =
    R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
  <SourceIdentity>Alice</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT</SessionToken>
      <Expiration>2019-11-09T13:34:41Z</Expiration>
    </Credentials>
    <PackedPolicySize>6</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleResponse>)";

std::string sts_error(const std::string& code) {
  return "<ErrorResponse><Error><Type>Sender</Type><Code>" + code +
         "</Code><Message>no\nwonder</Message></Error></ErrorResponse>";
}

sts_endpoint at(const scripted_peer& p) {
  return find_sts(environment({{"AWS_ENDPOINT_URL_STS", p.url()}, {"AWS_REGION", "eu-west-3"}}));
}

task<> assume(io::runtime& rt, sts_endpoint sts, aws_credentials& into) {
  http::client client(rt, {});
  assumed_role role;
  role.arn = "arn:aws:iam::1:role/r";
  role.session_name = "s";
  aws_credentials with;
  with.key_id = "AKID";
  with.secret = wale::secret("MARK");
  std::exception_ptr error;
  try {
    into = co_await assume_role(client, sts, role, with);
  } catch (...) {
    error = std::current_exception();
  }
  co_await client.close();
  if (error) std::rethrow_exception(error);
}

} // namespace

TEST_CASE("where STS is") {
  const auto text = [](variables set, const std::string& profile_region = {}) {
    return find_sts(environment(std::move(set)), profile_region).origin.text();
  };
  CHECK(text({}) == "https://sts.amazonaws.com");
  CHECK(find_sts(environment({})).region == "us-east-1");
  CHECK(text({{"AWS_REGION", "eu-west-3"}}) == "https://sts.eu-west-3.amazonaws.com");
  CHECK(text({{"AWS_DEFAULT_REGION", "eu-west-3"}}) == "https://sts.eu-west-3.amazonaws.com");
  CHECK(text({}, "eu-west-3") == "https://sts.eu-west-3.amazonaws.com");
  CHECK(text({{"AWS_REGION", "cn-north-1"}}) == "https://sts.cn-north-1.amazonaws.com.cn");
  const sts_endpoint own = find_sts(
      environment({{"AWS_ENDPOINT_URL_STS", "http://h:81/p"}, {"AWS_REGION", "eu-west-3"}}));
  CHECK(own.origin.text() == "http://h:81");
  CHECK(own.target == "/p");
  CHECK(own.region == "eu-west-3");
  CHECK_THROWS_AS(text({{"AWS_REGION", "x.evil.example/"}}), failure);
}

TEST_CASE("forms for STS") {
  assumed_role role;
  role.arn = "arn:aws:iam::123456789012:role/demo";
  role.session_name = "test AR";
  role.external_id = "123+ABC";
  CHECK(
      compose_assume_role(role) ==
      "Action=AssumeRole&Version=2011-06-15"
      "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdemo&RoleSessionName=test%20AR"
      "&DurationSeconds=3600&ExternalId=123%2BABC");
  role.external_id.clear();
  CHECK(
      compose_web_identity(role, "a.b=c") ==
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
      "&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdemo&RoleSessionName=test%20AR"
      "&DurationSeconds=3600&WebIdentityToken=a.b%3Dc");
  role.session_name.clear();
  CHECK(says(compose_assume_role(role), "&RoleSessionName=wal-e-"));
}

TEST_CASE("answers of STS") {
  const aws_credentials keys = parse_sts_answer(assumed);
  CHECK(keys.key_id == "ASIAIOSFODNN7EXAMPLE");
  CHECK(keys.secret.reveal() == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
  CHECK(keys.session_token.reveal() == "AQoDYXdzEPT");
  REQUIRE(keys.expiry);
  // date -u -d 2019-11-09T13:34:41Z +%s
  CHECK(keys.expiry->time_since_epoch() == std::chrono::seconds(1573306481));
  std::string without = assumed;
  without.replace(without.find("2019-11-09T"), 11, "someday");
  for (const std::string& wrong : {std::string(), std::string("<x/>"), sts_error("X"), without}) {
    INFO(wrong);
    CHECK(failure_of([&] { parse_sts_answer(wrong); }).why() == kind::unavailable);
  }
}

WALE_IO_TEST("a role is assumed by a signed form") {
  scripted_peer peer([](const received_request& r) {
    const std::string scope = "/eu-west-3/sts/aws4_request, ";
    const bool right = r.method == "POST" && says(r.header("Authorization"), scope) &&
                       says(r.header("Authorization"), "Credential=AKID/") &&
                       says(r.header("Content-Type"), "application/x-www-form-urlencoded") &&
                       says(r.body, "Action=AssumeRole&") && !r.has_header("x-amz-content-sha256");
    return right ? reply(assumed) : reply(sts_error("ValidationError"), 400);
  });
  aws_credentials keys;
  co_await assume(rt, at(peer), keys);
  CHECK(keys.key_id == "ASIAIOSFODNN7EXAMPLE");
}

WALE_IO_TEST("what STS refuses is final, what it cannot do now is not") {
  struct row {
    int status;
    const char* code;
    kind why;
  };
  const std::vector<row> rows = {
      {403, "AccessDenied", kind::configuration},
      {400, "ExpiredTokenException", kind::configuration},
      {400, "IDPCommunicationError", kind::unavailable},
      {400, "Throttling", kind::unavailable},
      {503, "ServiceUnavailable", kind::unavailable},
      {500, "", kind::unavailable}};
  for (const row& r : rows) {
    scripted_peer peer([r](const received_request&) { return reply(sts_error(r.code), r.status); });
    aws_credentials keys;
    const failure f = failure_in(co_await error_of(assume(rt, at(peer), keys)));
    INFO(r.status << ' ' << r.code);
    CHECK(f.why() == r.why);
    CHECK(says(f.text().detail, r.code));
    CHECK(says(f.text().detail, "no wonder"));
    CHECK_FALSE(says(f.text().detail, "MARK"));
  }
}

WALE_IO_TEST("a wrong clock is mended from STS's answer") {
  std::vector<std::string> stamps;
  scripted_peer peer([&stamps](const received_request& r) {
    stamps.push_back(r.header("X-Amz-Date"));
    // 2033-05-18T03:33:20Z
    answer a = stamps.size() == 1 ? reply(sts_error("SignatureDoesNotMatch"), 403) : reply(assumed);
    a.headers.emplace_back("Date", "Wed, 18 May 2033 03:33:20 GMT");
    return a;
  });
  aws_credentials keys;
  co_await assume(rt, at(peer), keys);
  REQUIRE(stamps.size() == 2);
  CHECK(stamps[1].starts_with("20330518T03"));
}
