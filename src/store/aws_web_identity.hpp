#pragma once
// A role by a token that the platform puts into a file (EKS): AWS_WEB_IDENTITY_TOKEN_FILE,
// AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME. The platform replaces the token every hour or so, so the
// file is read at each refresh.

#include "aws_credentials.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <memory>

namespace wale::store {

/// `rt` and `client` outlive it.
std::unique_ptr<credential_provider>
make_web_identity(io::runtime& rt, http::client& client, http::variable_lookup environment);

} // namespace wale::store
