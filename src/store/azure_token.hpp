#pragma once
// Tokens of Microsoft Entra ID: where they come from, one way each. Tokens are secrets, and so are
// assertions; no message ever holds a part of one.

#include <wale/base/secret.hpp>
#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

struct azure_token {
  wale::secret bearer;
  std::optional<std::chrono::system_clock::time_point> expiry = {};
};

/// The `access_token` of an OAuth answer, good for `expires_in` seconds from `now` on, a number or
/// a number as text. Pure. Throws kind::unavailable, naming `from`, for what is no such document.
azure_token parse_azure_token(
    std::string_view json, const std::string& from, std::chrono::system_clock::time_point now);

/// ` invalid_client, "..."` of an OAuth refusal, fit for one line of a log; empty if it is none.
/// Pure.
std::string oauth_error(std::string_view json);

/// Asks anew at each call and keeps nothing.
class azure_token_source {
public:
  virtual ~azure_token_source() = default;
  /// Throws kind::configuration if a person must do something, kind::unavailable if asking again
  /// later may help.
  virtual task<azure_token> fetch() = 0;
};

/// The identity of a virtual machine, from its metadata service, which is never asked through a
/// proxy; AZURE_CLIENT_ID chooses one of several. The service is at
/// AZURE_POD_IDENTITY_AUTHORITY_HOST, else at 169.254.169.254. (Entra documentation, "How to use
/// managed identities for Azure resources on an Azure VM to acquire an access token".)
std::unique_ptr<azure_token_source>
make_managed_identity(http::client& client, http::variable_lookup environment);

/// The identity of a workload in Kubernetes: the token in AZURE_FEDERATED_TOKEN_FILE, which the
/// platform replaces and which is read each time, for one of AZURE_CLIENT_ID in AZURE_TENANT_ID
/// from AZURE_AUTHORITY_HOST. (Microsoft identity platform, "OAuth 2.0 client credentials flow",
/// "Third case: Access token request with a federated credential".) Throws kind::configuration if
/// one of these is missing.
std::unique_ptr<azure_token_source>
make_workload_identity(io::runtime& rt, http::client& client, http::variable_lookup environment);

} // namespace wale::store
