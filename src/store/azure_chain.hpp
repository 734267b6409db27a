#pragma once
// Which authority there is. The first that is configured decides:
//
// 1. Shared Key: WABS_ACCESS_KEY, base64
// 2. shared access signature: WABS_SAS_TOKEN, with or without the question mark
// 3. workload identity: AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_ID, AZURE_TENANT_ID,
//    AZURE_AUTHORITY_HOST
// 4. managed identity of the machine: WALE_WABS_MANAGED_IDENTITY is 1; AZURE_CLIENT_ID chooses
//
// 4 only on request: without it a forgotten setting is told at once, and by its name, instead of
// after having looked for a metadata service.

#include "azure_authority.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <memory>
#include <string>

namespace wale::store {

/// `-a` or WABS_ACCOUNT_NAME. Throws kind::configuration with WAL-E's words.
std::string azure_account(const http::variable_lookup& environment, const std::string& option);

/// `rt` and `client` outlive it. Throws kind::configuration, with WAL-E's words, if nothing is
/// configured, and for what cannot be right: a key that is no base64, a token over plain http.
std::unique_ptr<azure_authority> make_azure_authority(
    io::runtime& rt,
    http::client& client,
    const http::variable_lookup& environment,
    const std::string& account,
    const http::origin& server);

} // namespace wale::store
