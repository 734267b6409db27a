#pragma once
// The role of an EC2 instance, from the metadata service, version 2: a session token first, which a
// forged request of somebody else's cannot get. EC2 User Guide, "Use IMDS" and "Retrieve security
// credentials from instance metadata".

#include "aws_credentials.hpp"

#include <wale/http/client.hpp>

#include <memory>

namespace wale::store {

enum class instance_need {
  if_there_is_one, ///< where nothing answers, or no role is attached, fetch() gives nullopt
  required,        ///< that is a failure, in WAL-E's words
};

/// `client` outlives it. Version 1 is spoken only if WALE_IMDS_V1 is 1 and version 2 is refused.
std::unique_ptr<credential_provider>
make_instance(http::client& client, http::variable_lookup environment, instance_need need);

} // namespace wale::store
