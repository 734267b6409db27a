#include "aws_web_identity.hpp"

#include "aws_static.hpp"
#include "aws_sts.hpp"
#include "small_file.hpp"

#include <wale/base/error.hpp>

#include <utility>

namespace wale::store {
namespace {

class web_identity : public credential_provider {
public:
  web_identity(io::runtime& rt, http::client& client, http::variable_lookup environment)
      : runtime_(rt), client_(client), environment_(std::move(environment)) {}

  task<std::optional<aws_credentials>> fetch() override {
    const std::string file = value_of(environment_, "AWS_WEB_IDENTITY_TOKEN_FILE");
    if (file.empty()) co_return std::nullopt;
    assumed_role role;
    role.arn = value_of(environment_, "AWS_ROLE_ARN");
    role.session_name = value_of(environment_, "AWS_ROLE_SESSION_NAME");
    if (role.arn.empty())
      throw failure(
          kind::configuration,
          "AWS web identity is set up by half",
          "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not.",
          "Set the environment variable AWS_ROLE_ARN, or unset the other.");
    sts_endpoint sts = find_sts(environment_);
    std::string token = co_await read_token_file(runtime_, file, "AWS_WEB_IDENTITY_TOKEN_FILE");
    co_return co_await assume_role_with_web_identity(
        client_, std::move(sts), std::move(role), wale::secret(std::move(token)));
  }

private:
  io::runtime& runtime_;
  http::client& client_;
  http::variable_lookup environment_;
};

} // namespace

std::unique_ptr<credential_provider>
make_web_identity(io::runtime& rt, http::client& client, http::variable_lookup environment) {
  return std::make_unique<web_identity>(rt, client, std::move(environment));
}

} // namespace wale::store
