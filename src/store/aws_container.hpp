#pragma once
// Credentials of a container: ECS tasks, EKS pod identities. AWS SDKs and Tools Reference Guide,
// "Container credential provider".

#include "aws_credentials.hpp"

#include <wale/http/client.hpp>
#include <wale/http/url.hpp>
#include <wale/io/runtime.hpp>

#include <memory>
#include <optional>

namespace wale::store {

/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI on ECS's own address, else
/// AWS_CONTAINER_CREDENTIALS_FULL_URI; nullopt if neither is set. A token and the keys must not go
/// over a network in the clear: with http only loopback and the addresses of the ECS and EKS agents
/// are allowed, else kind::configuration. Pure.
std::optional<http::url> container_endpoint(const http::variable_lookup& environment);

/// `rt` and `client` outlive it.
std::unique_ptr<credential_provider>
make_container(io::runtime& rt, http::client& client, http::variable_lookup environment);

} // namespace wale::store
