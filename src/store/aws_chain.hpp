#pragma once
// The AWS credential chain. The first link that is configured decides; a link that is configured
// and does not work is a failure, not a reason to ask the next one.
//
// 1. static: `-k` or AWS_ACCESS_KEY_ID, with AWS_SECRET_ACCESS_KEY and, for temporary keys,
//    AWS_SESSION_TOKEN or AWS_SECURITY_TOKEN
// 2. web identity: AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME
// 3. profile: AWS_PROFILE or AWS_DEFAULT_PROFILE, else `default`, in the files
//    AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and AWS_CONFIG_FILE (~/.aws/config): keys,
//    role_arn with source_profile, credential_source or web_identity_token_file,
//    credential_process
// 4. container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with
//    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN
// 5. instance: the EC2 metadata service at AWS_EC2_METADATA_SERVICE_ENDPOINT (or its mode IPv6 by
//    AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE), unless AWS_EC2_METADATA_DISABLED is true; IMDSv2, and
//    v1 only if WALE_IMDS_V1 is 1
//
// With --aws-instance-profile or AWS_INSTANCE_PROFILE only 5 is asked, as WAL-E did.
// STS is reached at AWS_ENDPOINT_URL_STS, else in AWS_REGION or AWS_DEFAULT_REGION, else globally.

#include "aws_credentials.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <memory>
#include <string>

namespace wale::store {

struct aws_chain_options {
  std::string key_id = {}; ///< of `-k`; beats AWS_ACCESS_KEY_ID
  bool only_instance_profile = false;
};

/// AWS_INSTANCE_PROFILE as WAL-E reads it: 1 and true in any case are true; unset, empty, 0 and
/// false are false; anything else throws kind::configuration.
bool instance_profile_asked(const http::variable_lookup& environment);

/// The chain behind a cache that refreshes ahead of expiry. `rt` and `client` outlive it. Throws
/// kind::configuration for what is plainly missing before any request is made (a key id without a
/// secret).
std::unique_ptr<credential_source> make_credential_chain(
    io::runtime& rt,
    http::client& client,
    http::variable_lookup environment,
    aws_chain_options options);

} // namespace wale::store
