// Keys that are given outright, and WAL-E's words for what lacks.
#include "aws_chain.hpp"
#include "aws_fixture.hpp"
#include "aws_static.hpp"

using namespace wale;
using namespace wale::store;
using namespace wale::store::test;

TEST_CASE("keys of the environment and of -k") {
  const auto both =
      environment({{"AWS_ACCESS_KEY_ID", "env"}, {"AWS_SECRET_ACCESS_KEY", "secret"}});
  CHECK(static_credentials(both, "")->key_id == "env");
  CHECK(static_credentials(both, "option")->key_id == "option");
  CHECK(static_credentials(both, "")->secret.reveal() == "secret");
  CHECK(static_credentials(both, "")->session_token.empty());
  CHECK_FALSE(static_credentials(environment({}), ""));
  CHECK_FALSE(static_credentials(environment({{"AWS_SESSION_TOKEN", "t"}}), ""));
  CHECK_FALSE(static_credentials(
      environment({{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", ""}}), ""));
}

TEST_CASE("a session token by its new or its old name") {
  const auto token = [](variables more) {
    more.insert({{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "s"}});
    return static_credentials(environment(more), "")->session_token.reveal();
  };
  CHECK(token({{"AWS_SESSION_TOKEN", "new"}}) == "new");
  CHECK(token({{"AWS_SECURITY_TOKEN", "old"}}) == "old");
  CHECK(token({{"AWS_SESSION_TOKEN", "new"}, {"AWS_SECURITY_TOKEN", "old"}}) == "new");
}

TEST_CASE("half of the keys is refused in WAL-E's words") {
  const failure no_id = failure_of([] {
    static_credentials(environment({{"AWS_SECRET_ACCESS_KEY", "MARK"}}), "");
  });
  CHECK(no_id.why() == kind::configuration);
  CHECK(no_id.text().msg == "AWS Access Key credential is required but not provided");
  CHECK(
      no_id.text().hint == "Pass \"--aws-access-key-id\" or set the environment variable "
                           "\"AWS_ACCESS_KEY_ID\".");
  CHECK(no_id.text().detail.find("MARK") == std::string::npos);
  const failure no_secret = failure_of([] { static_credentials(environment({}), "AKID"); });
  CHECK(no_secret.why() == kind::configuration);
  CHECK(no_secret.text().msg == "AWS Secret Key credential is required but not provided");
  CHECK(no_secret.text().hint == "Set the environment variable AWS_SECRET_ACCESS_KEY.");
}

TEST_CASE("AWS_INSTANCE_PROFILE is a boolean of WAL-E's") {
  const auto asked = [](const std::string& value) {
    return instance_profile_asked(environment({{"AWS_INSTANCE_PROFILE", value}}));
  };
  CHECK(asked("1"));
  CHECK(asked("true"));
  CHECK(asked("TRUE"));
  CHECK_FALSE(asked("0"));
  CHECK_FALSE(asked("False"));
  CHECK_FALSE(asked(""));
  CHECK_FALSE(instance_profile_asked(environment({})));
  CHECK(failure_of([&] { asked("yes"); }).why() == kind::configuration);
}
