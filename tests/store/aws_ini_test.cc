// The AWS files, as the AWS SDKs and Tools Reference Guide has them ("Shared config and credentials
// files", "Assume role credential provider"), and what becomes of a profile.
#include "aws_fixture.hpp"
#include "aws_ini.hpp"
#include "aws_profile_plan.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;
using base = profile_plan::base;

namespace {

aws_profiles config(const std::string& text) {
  return parse_profiles(text, aws_file::config);
}

profile_plan planned(const std::string& text, const std::string& name) {
  const auto plan = plan_profile(config(text), name, true);
  REQUIRE(plan);
  return *plan;
}

failure refused(const std::string& text, const std::string& name) {
  return failure_of([&] { plan_profile(config(text), name, true); });
}

} // namespace

TEST_CASE("sections and settings of the credentials file") {
  const aws_profiles p = parse_profiles(
      "\xef\xbb\xbf# a comment\n"
      "outside = nothing\n"
      "[default]\r\n"
      "aws_access_key_id=AKIAIOSFODNN7EXAMPLE\r\n"
      "AWS_Secret_Access_Key  =  wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY= \r\n"
      "; another\n"
      "[ user1 ]   # and another\n"
      "aws_access_key_id = AKID # my key\n"
      "region = a#b\n"
      "s3 =\n"
      "  aws_access_key_id = nested\n"
      "no setting\n"
      "[unfinished\n"
      "aws_access_key_id = lost\n",
      aws_file::credentials);
  REQUIRE(p.size() == 2);
  CHECK(p.at("default").at("aws_access_key_id") == "AKIAIOSFODNN7EXAMPLE");
  CHECK(p.at("default").at("aws_secret_access_key") == "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY=");
  CHECK(p.at("user1").at("aws_access_key_id") == "AKID");
  CHECK(p.at("user1").at("region") == "a#b");
  CHECK(parse_profiles("", aws_file::credentials).empty());
}

TEST_CASE("sections of the config file carry a word in front") {
  const aws_profiles p =
      config("[default]\nregion = r0\n[profile one]\nregion = r1\n"
             "[profile \"two words\"]\nregion = r2\n[sso-session s]\nregion = r3\n"
             "[one]\nregion = r4\n[profiles]\nregion = r5\n");
  REQUIRE(p.size() == 3);
  CHECK(p.at("default").at("region") == "r0");
  CHECK(p.at("one").at("region") == "r1");
  CHECK(p.at("two words").at("region") == "r2");
}

TEST_CASE("the credentials file counts more than the config file") {
  const aws_profiles p = merge_profiles(
      parse_profiles("[a]\nx = credentials\n", aws_file::credentials),
      config("[profile a]\nx = config\ny = config\n[profile b]\nx = b\n"));
  CHECK(p.at("a").at("x") == "credentials");
  CHECK(p.at("a").at("y") == "config");
  CHECK(p.at("b").at("x") == "b");
}

TEST_CASE("a profile with keys, or with a process") {
  const profile_plan keys = planned(
      "[profile p]\naws_access_key_id = A\naws_secret_access_key = S\naws_session_token = T\n"
      "region = eu-west-3\ncredential_process = /bin/no\n",
      "p");
  CHECK(keys.from == base::keys);
  CHECK(keys.keys.key_id == "A");
  CHECK(keys.keys.secret.reveal() == "S");
  CHECK(keys.keys.session_token.reveal() == "T");
  CHECK(keys.region == "eu-west-3");
  CHECK(keys.roles.empty());
  const profile_plan process =
      planned("[profile p]\ncredential_process = /opt/bin/awscreds --user \"a b\"\n", "p");
  CHECK(process.from == base::process);
  CHECK(process.process == "/opt/bin/awscreds --user \"a b\"");
}

TEST_CASE("roles, from the base outwards") {
  const std::string text = "[profile outer]\nrole_arn = arn:outer\nsource_profile = inner\n"
                           "external_id = x\nrole_session_name = n\nduration_seconds = 900\n"
                           "[profile inner]\nrole_arn = arn:inner\nsource_profile = keys\n"
                           "[profile keys]\naws_access_key_id = A\naws_secret_access_key = S\n";
  const profile_plan p = planned(text, "outer");
  CHECK(p.from == base::keys);
  CHECK(p.keys.key_id == "A");
  REQUIRE(p.roles.size() == 2);
  CHECK(p.roles[0].arn == "arn:inner");
  CHECK(p.roles[0].duration_seconds == 3600);
  CHECK(p.roles[1].arn == "arn:outer");
  CHECK(p.roles[1].external_id == "x");
  CHECK(p.roles[1].session_name == "n");
  CHECK(p.roles[1].duration_seconds == 900);
}

TEST_CASE("a profile that is its own source has keys and a role") {
  const profile_plan p = planned(
      "[profile p]\nrole_arn = arn:r\nsource_profile = p\naws_access_key_id = A\n"
      "aws_secret_access_key = S\n",
      "p");
  CHECK(p.from == base::keys);
  REQUIRE(p.roles.size() == 1);
  CHECK(p.roles[0].arn == "arn:r");
}

TEST_CASE("roles on what the platform provides") {
  const auto from = [](const std::string& source) {
    return planned("[profile p]\nrole_arn = arn:r\ncredential_source = " + source + "\n", "p").from;
  };
  CHECK(from("Environment") == base::environment);
  CHECK(from("Ec2InstanceMetadata") == base::instance);
  CHECK(from("EcsContainer") == base::container);
  const profile_plan web =
      planned("[profile p]\nrole_arn = arn:r\nweb_identity_token_file = /t\n", "p");
  CHECK(web.from == base::web_identity);
  CHECK(web.token_file == "/t");
  CHECK(web.web_role.arn == "arn:r");
  CHECK(web.roles.empty());
}

TEST_CASE("profiles that cannot be used say why, without their keys") {
  struct row {
    const char* text;
    const char* detail;
  };
  const row rows[] = {
      {"", "neither"},
      {"[profile p]\nregion = x\n", "no credentials"},
      {"[profile p]\naws_access_key_id = MARK\n", "only one"},
      {"[profile p]\naws_secret_access_key = MARK\n", "only one"},
      {"[profile p]\nrole_arn = r\n", "none"},
      {"[profile p]\nrole_arn = r\nsource_profile = q\ncredential_source = Environment\n",
       "more than one"},
      {"[profile p]\nrole_arn = r\nsource_profile = q\n", "\"q\" has no credentials"},
      {"[profile p]\nrole_arn = r\nsource_profile = p\n", "\"p\" has no credentials"},
      {"[profile p]\nrole_arn = r\nsource_profile = q\n"
       "[profile q]\nrole_arn = r\nsource_profile = p\n",
       "back to itself"},
      {"[profile p]\nrole_arn = r\ncredential_source = Moon\n", "Moon"},
      {"[profile p]\nrole_arn = r\nmfa_serial = m\ncredential_source = Environment\n",
       "mfa_serial"},
      {"[profile p]\nrole_arn = r\nduration_seconds = 1h\ncredential_source = Environment\n",
       "duration_seconds"},
      {"[profile p]\nsso_session = s\n", "SSO"},
  };
  for (const row& r : rows) {
    INFO(r.text);
    const failure f = refused(r.text, "p");
    CHECK(f.why() == kind::configuration);
    CHECK(says(f.text().detail, r.detail));
    CHECK_FALSE(says(f.text().msg + f.text().detail + f.text().hint, "MARK"));
  }
}

TEST_CASE("a default profile need not exist, nor be about credentials") {
  CHECK_FALSE(plan_profile(config(""), "default", false));
  CHECK_FALSE(plan_profile(config("[default]\nregion = x\n"), "default", false));
}
