#pragma once
// Signing in to OpenStack: what is sent, and what comes back. Pure. Input is hostile.
//
// Sources: Object Storage API, "Authentication" (version 1); OpenStack Identity API v2.0, "POST
// /v2.0/tokens"; OpenStack Identity API v3, "Password authentication with scoped authorization" and
// "Authenticating with an Application Credential".

#include "swift_login.hpp"

#include <wale/base/secret.hpp>
#include <wale/http/message.hpp>

#include <string>
#include <string_view>

namespace wale::store {

/// What signing in gives: a token, and the account's storage URL.
struct swift_access {
  wale::secret token;
  http::origin origin;
  std::string path; ///< encoded, without a slash at the end
};

/// The body of the request; empty for version 1. A secret.
std::string compose_login(const swift_login& login);

/// `body` is what compose_login() gave; it outlives the request.
http::request login_request(const swift_login& login, const std::string& body);

/// The answer to login_request(). Throws kind::configuration if the identity service refuses or
/// knows no object store of that region and type, kind::unavailable if asking later may help.
swift_access
parse_login(const swift_login& login, const http::response& head, std::string_view body);

} // namespace wale::store
