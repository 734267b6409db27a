#pragma once
// Credentials that are given outright: `-k` or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN or AWS_SECURITY_TOKEN (WAL-E's).

#include "aws_keys.hpp"

#include <wale/base/error.hpp>
#include <wale/http/client.hpp>

#include <optional>
#include <string>

namespace wale::store {

/// nullopt if there is neither a key id nor a secret. Throws kind::configuration, with WAL-E's
/// words, if one of them lacks.
std::optional<aws_credentials>
static_credentials(const http::variable_lookup& environment, const std::string& key_id_option);

/// What to say when nothing provides credentials.
failure no_credentials(std::string detail);

/// The variable's value, empty if unset.
std::string value_of(const http::variable_lookup& environment, const std::string& name);

} // namespace wale::store
