#pragma once
// Credentials by a profile of ~/.aws/credentials and ~/.aws/config, read anew at each refresh:
// AWS_PROFILE or AWS_DEFAULT_PROFILE, AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE.

#include "aws_credentials.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <memory>

namespace wale::store {

/// `rt` and `client` outlive it. A profile that is named must exist; `default` need not.
std::unique_ptr<credential_provider>
make_profile(io::runtime& rt, http::client& client, http::variable_lookup environment);

} // namespace wale::store
