#include "aws_profile.hpp"

#include "aws_container.hpp"
#include "aws_instance.hpp"
#include "aws_json.hpp"
#include "aws_process.hpp"
#include "aws_profile_plan.hpp"
#include "aws_static.hpp"
#include "small_file.hpp"

#include <wale/base/error.hpp>

#include <utility>

namespace wale::store {
namespace {

class profile : public credential_provider {
public:
  profile(io::runtime& rt, http::client& client, http::variable_lookup environment)
      : runtime_(rt), client_(client), environment_(std::move(environment)) {}

  task<std::optional<aws_credentials>> fetch() override {
    std::string name = value_of(environment_, "AWS_PROFILE");
    if (name.empty()) name = value_of(environment_, "AWS_DEFAULT_PROFILE");
    const bool named = !name.empty();
    if (!named) name = "default";

    const auto credentials =
        co_await load("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials", aws_file::credentials);
    const auto config = co_await load("AWS_CONFIG_FILE", "/.aws/config", aws_file::config);
    const auto plan = plan_profile(merge_profiles(credentials, config), name, named);
    if (!plan) co_return std::nullopt;

    aws_credentials keys = co_await base_of(*plan, name);
    const sts_endpoint sts = find_sts(environment_, plan->region);
    for (const assumed_role& role : plan->roles)
      keys = co_await assume_role(client_, sts, role, keys);
    co_return keys;
  }

private:
  task<aws_profiles> load(std::string variable, std::string below_home, aws_file which) {
    std::string path = value_of(environment_, variable);
    const std::string home = value_of(environment_, "HOME");
    if (path.empty() && home.empty()) co_return aws_profiles();
    if (path.empty()) path = home + below_home;
    if (path.starts_with("~/")) path = home + path.substr(1);
    const std::optional<std::string> text = co_await read_small_file(runtime_, path);
    if (!text) co_return aws_profiles();
    co_return parse_profiles(*text, which);
  }

  task<aws_credentials> base_of(profile_plan plan, std::string name) {
    std::optional<aws_credentials> found;
    switch (plan.from) {
    case profile_plan::base::keys:
      found = plan.keys;
      break;
    case profile_plan::base::process: {
      const std::string text = co_await output_of(runtime_, split_command(plan.process));
      found = parse_process_credentials(text, "the credential_process");
      break;
    }
    case profile_plan::base::web_identity: {
      std::string token =
          co_await read_token_file(runtime_, plan.token_file, "web_identity_token_file");
      const sts_endpoint sts = find_sts(environment_, plan.region);
      found = co_await assume_role_with_web_identity(
          client_, sts, plan.web_role, wale::secret(std::move(token)));
      break;
    }
    case profile_plan::base::environment:
      found = static_credentials(environment_, "");
      break;
    case profile_plan::base::instance: {
      const auto source = make_instance(client_, environment_, instance_need::required);
      found = co_await source->fetch();
      break;
    }
    case profile_plan::base::container: {
      const auto source = make_container(runtime_, client_, environment_);
      found = co_await source->fetch();
      break;
    }
    }
    if (!found)
      throw failure(
          kind::configuration,
          "the AWS profile \"" + name + "\" cannot be used",
          "What its credential_source names has no credentials.");
    co_return *found;
  }

  io::runtime& runtime_;
  http::client& client_;
  http::variable_lookup environment_;
};

} // namespace

std::unique_ptr<credential_provider>
make_profile(io::runtime& rt, http::client& client, http::variable_lookup environment) {
  return std::make_unique<profile>(rt, client, std::move(environment));
}

} // namespace wale::store
