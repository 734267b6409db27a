// Profiles, from files to credentials.
#include "aws_fixture.hpp"
#include "aws_profile.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

namespace {

variables files(const scratch_dir& dir) {
  return {{"HOME", dir.path()}};
}

task<> fetch(io::runtime& rt, http::variable_lookup set, std::optional<aws_credentials>& into) {
  http::client client(rt, {});
  const auto source = make_profile(rt, client, std::move(set));
  std::exception_ptr error;
  try {
    into = co_await source->fetch();
  } catch (...) {
    error = std::current_exception();
  }
  co_await client.close();
  if (error) std::rethrow_exception(error);
}

} // namespace

WALE_IO_TEST("profiles of the files at home") {
  const scratch_dir dir;
  dir.write(
      ".aws/credentials",
      "[default]\naws_access_key_id = D\naws_secret_access_key = s\n"
      "[other]\naws_access_key_id = O\naws_secret_access_key = s\naws_session_token = t\n");
  std::optional<aws_credentials> keys;
  variables set = files(dir);
  co_await fetch(rt, environment(set), keys);
  REQUIRE(keys);
  CHECK(keys->key_id == "D");
  set["AWS_DEFAULT_PROFILE"] = "other";
  co_await fetch(rt, environment(set), keys);
  CHECK(keys->key_id == "O");
  CHECK(keys->session_token.reveal() == "t");
  set["AWS_PROFILE"] = "default";
  co_await fetch(rt, environment(set), keys);
  CHECK(keys->key_id == "D");
  set["AWS_PROFILE"] = "absent";
  const failure f = failure_in(co_await error_of(fetch(rt, environment(set), keys)));
  CHECK(f.why() == kind::configuration);
  CHECK(says(f.text().msg, "\"absent\""));
}

WALE_IO_TEST("files elsewhere, and none at all") {
  const scratch_dir dir;
  dir.write("c", "[profile x]\naws_access_key_id = X\naws_secret_access_key = s\n");
  std::optional<aws_credentials> keys;
  variables set = files(dir);
  co_await fetch(rt, environment(set), keys);
  CHECK_FALSE(keys);
  set.erase("HOME");
  co_await fetch(rt, environment(set), keys);
  CHECK_FALSE(keys);
  set["AWS_CONFIG_FILE"] = dir / "c";
  set["AWS_PROFILE"] = "x";
  co_await fetch(rt, environment(set), keys);
  REQUIRE(keys);
  CHECK(keys->key_id == "X");
}

WALE_IO_TEST("a profile's process is asked at each refresh") {
  const scratch_dir dir;
  dir.write(
      ".aws/config",
      "[default]\ncredential_process = /bin/sh -c 'echo x >> " + (dir / "count") +
          "; echo \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"P\\\", "
          "\\\"SecretAccessKey\\\": \\\"s\\\"}\"'\n");
  std::optional<aws_credentials> keys;
  co_await fetch(rt, environment(files(dir)), keys);
  co_await fetch(rt, environment(files(dir)), keys);
  REQUIRE(keys);
  CHECK(keys->key_id == "P");
  CHECK(std::filesystem::file_size(dir / "count") == 4);
}

WALE_IO_TEST("a profile's roles are assumed one with the other") {
  const scratch_dir dir;
  // Each role's keys are called by the role, and must sign the next request.
  scripted_peer sts([](const received_request& r) {
    const std::string by = r.header("Authorization");
    std::string role;
    if (says(r.body, "RoleArn=inner&") && says(by, "Credential=K/")) role = "inner";
    if (says(r.body, "RoleArn=outer&") && says(by, "Credential=inner/") &&
        r.header("X-Amz-Security-Token") == "t" && says(r.body, "ExternalId=e"))
      role = "outer";
    if (role.empty()) return reply("<ErrorResponse/>", 403);
    return reply(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>" + role +
        "</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        "<Expiration>2030-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>"
        "</AssumeRoleResponse>");
  });
  dir.write(".aws/credentials", "[k]\naws_access_key_id = K\naws_secret_access_key = s\n");
  dir.write(
      ".aws/config",
      "[profile o]\nrole_arn = outer\nsource_profile = i\nexternal_id = e\n"
      "[profile i]\nrole_arn = inner\nsource_profile = k\n");
  variables set = files(dir);
  set["AWS_PROFILE"] = "o";
  set["AWS_ENDPOINT_URL_STS"] = sts.url();
  std::optional<aws_credentials> keys;
  co_await fetch(rt, environment(set), keys);
  REQUIRE(keys);
  CHECK(keys->key_id == "outer");
  CHECK(sts.requests().size() == 2);
}
