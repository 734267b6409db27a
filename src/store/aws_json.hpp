#pragma once
// Credentials as the metadata services and credential processes print them. Pure. No message ever
// holds a part of the document.

#include "aws_keys.hpp"

#include <string>
#include <string_view>

namespace wale::store {

/// Throws kind::unavailable, naming `from`, for what is no such document. The token's name is
/// `Token` with the metadata services and `SessionToken` with processes; both are taken. A `Code`
/// other than Success (EC2) is a failure that shows it.
aws_credentials parse_credentials(std::string_view json, const std::string& from);

/// The same for the output of a credential_process, whose `Version` must be 1 (AWS SDKs and Tools
/// Reference Guide, "Process credential provider").
aws_credentials parse_process_credentials(std::string_view json, const std::string& from);

} // namespace wale::store
