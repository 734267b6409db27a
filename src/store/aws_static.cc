#include "aws_static.hpp"

namespace wale::store {

std::string value_of(const http::variable_lookup& environment, const std::string& name) {
  return environment(name).value_or("");
}

failure no_credentials(std::string detail) {
  return {
      kind::configuration,
      "AWS Access Key credential is required but not provided",
      std::move(detail),
      "Pass \"--aws-access-key-id\" or set the environment variable \"AWS_ACCESS_KEY_ID\"."};
}

std::optional<aws_credentials>
static_credentials(const http::variable_lookup& environment, const std::string& key_id_option) {
  aws_credentials keys;
  keys.key_id = key_id_option;
  if (keys.key_id.empty()) keys.key_id = value_of(environment, "AWS_ACCESS_KEY_ID");
  keys.secret = wale::secret(value_of(environment, "AWS_SECRET_ACCESS_KEY"));
  if (keys.key_id.empty() && keys.secret.empty()) return std::nullopt;
  if (keys.key_id.empty()) throw no_credentials("There is a secret key, but no access key.");
  if (keys.secret.empty())
    throw failure(
        kind::configuration,
        "AWS Secret Key credential is required but not provided",
        "There is an access key, but no secret key.",
        "Set the environment variable AWS_SECRET_ACCESS_KEY.");
  std::string token = value_of(environment, "AWS_SESSION_TOKEN");
  if (token.empty()) token = value_of(environment, "AWS_SECURITY_TOKEN");
  keys.session_token = wale::secret(std::move(token));
  return keys;
}

} // namespace wale::store
