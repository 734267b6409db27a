#pragma once
// The two requests to the AWS Security Token Service that change credentials into others, or a
// token into credentials. Source: AWS Security Token Service API Reference, "AssumeRole" and
// "AssumeRoleWithWebIdentity", version 2011-06-15.

#include "aws_keys.hpp"

#include <wale/http/client.hpp>
#include <wale/io/task.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

struct assumed_role {
  std::string arn;
  std::string session_name = {}; ///< made up if empty
  std::string external_id = {};
  int duration_seconds = 3600;
};

struct sts_endpoint {
  http::origin origin;
  std::string target = "/";
  std::string region;
};

/// AWS_ENDPOINT_URL_STS, else the one of AWS_REGION, AWS_DEFAULT_REGION or `profile_region`, else
/// the global one.
sts_endpoint
find_sts(const http::variable_lookup& environment, const std::string& profile_region = {});

/// The bodies of the requests, forms. Pure.
std::string compose_assume_role(const assumed_role& role);
std::string compose_web_identity(const assumed_role& role, const std::string& token);
/// The Credentials of either answer. Pure. Throws kind::unavailable for what is none.
aws_credentials parse_sts_answer(std::string_view xml);

/// kind::configuration if STS refuses, kind::unavailable if it may not refuse later.
task<aws_credentials>
assume_role(http::client& client, sts_endpoint sts, assumed_role role, aws_credentials with);
task<aws_credentials> assume_role_with_web_identity(
    http::client& client, sts_endpoint sts, assumed_role role, wale::secret token);

} // namespace wale::store
