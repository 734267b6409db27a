#include "aws_chain.hpp"

#include "aws_cache.hpp"
#include "aws_container.hpp"
#include "aws_instance.hpp"
#include "aws_profile.hpp"
#include "aws_static.hpp"
#include "aws_web_identity.hpp"

#include <wale/base/ascii.hpp>
#include <wale/base/error.hpp>

#include <utility>
#include <vector>

namespace wale::store {
namespace {

class given : public credential_source {
public:
  explicit given(aws_credentials keys) : keys_(std::move(keys)) {}
  task<aws_credentials> get() override { co_return keys_; }
  bool forget() override { return false; }

private:
  aws_credentials keys_;
};

class chain : public credential_provider {
public:
  explicit chain(std::vector<std::unique_ptr<credential_provider>> links)
      : links_(std::move(links)) {}

  task<std::optional<aws_credentials>> fetch() override {
    for (const auto& link : links_) {
      std::optional<aws_credentials> found = co_await link->fetch();
      if (found) co_return found;
    }
    throw no_credentials(
        "There are none in the environment, in the profile, by web identity, from a container "
        "endpoint or from the instance metadata service.");
  }

private:
  std::vector<std::unique_ptr<credential_provider>> links_;
};

} // namespace

bool instance_profile_asked(const http::variable_lookup& environment) {
  const std::string given = value_of(environment, "AWS_INSTANCE_PROFILE");
  const std::string text = lower_case(given);
  if (text == "1" || text == "true") return true;
  if (text.empty() || text == "0" || text == "false") return false;
  throw failure(
      kind::configuration,
      "AWS_INSTANCE_PROFILE is neither true nor false",
      "It is set to \"" + given.substr(0, 40) + "\".",
      "Set it to 1, true, 0 or false.");
}

std::unique_ptr<credential_source> make_credential_chain(
    io::runtime& rt,
    http::client& client,
    http::variable_lookup environment,
    aws_chain_options options) {
  if (options.only_instance_profile)
    return make_refreshing(make_instance(client, environment, instance_need::required));
  if (auto keys = static_credentials(environment, options.key_id))
    return std::make_unique<given>(std::move(*keys));

  std::vector<std::unique_ptr<credential_provider>> links;
  links.push_back(make_web_identity(rt, client, environment));
  links.push_back(make_profile(rt, client, environment));
  links.push_back(make_container(rt, client, environment));
  links.push_back(make_instance(client, environment, instance_need::if_there_is_one));
  return make_refreshing(std::make_unique<chain>(std::move(links)));
}

} // namespace wale::store
