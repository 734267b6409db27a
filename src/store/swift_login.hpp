#pragma once
// Who signs in to OpenStack, where, and which of its object stores is meant: the SWIFT_* variables
// that WAL-E has, in its meaning (that of python-swiftclient). Pure.
//
// | variable | meaning |
// |---|---|
// | SWIFT_AUTHURL | the identity service, with or without its version; for version 1 the whole URL
// | | SWIFT_AUTH_VERSION | 1, 2 or 3; unset is what SWIFT_AUTHURL ends with, else 2 | | SWIFT_USER,
// SWIFT_PASSWORD | for 2 and 3 also `TENANT:USER` if no tenant is set | | SWIFT_TENANT,
// SWIFT_TENANT_ID, SWIFT_PROJECT_NAME, SWIFT_PROJECT_ID | the project | | SWIFT_USER_ID | version
// 3: instead of SWIFT_USER | | SWIFT_USER_DOMAIN_ID, _NAME, SWIFT_PROJECT_DOMAIN_ID, _NAME |
// version 3: where these names are | | SWIFT_DOMAIN_ID, _NAME | version 3: for both | |
// SWIFT_APPLICATION_CREDENTIAL_ID, _NAME, _SECRET | version 3: instead of user and project | |
// SWIFT_REGION | of the catalogue; unset is the first there is | | SWIFT_ENDPOINT_TYPE |
// `publicURL` (default), `internalURL`, `adminURL` |

#include <wale/base/secret.hpp>
#include <wale/http/client.hpp>
#include <wale/http/url.hpp>

#include <string>

namespace wale::store {

/// An id, or a name.
struct swift_domain {
  std::string id;
  std::string name;
};

struct swift_login {
  enum class method { v1, v2_password, v3_password, v3_application_credential };

  method how = method::v2_password;
  http::origin origin; ///< of the identity service
  std::string path;    ///< with its version, without a slash at the end
  std::string user;
  std::string user_id;
  wale::secret password;
  swift_domain user_domain;
  std::string project;
  std::string project_id;
  swift_domain project_domain;
  std::string credential_id;
  std::string credential_name;
  wale::secret credential_secret;
  std::string region;        ///< empty for the first
  std::string endpoint_type; ///< `public`, `internal`, `admin`
};

/// Throws kind::configuration, naming the variable, for what is missing or contradicts.
swift_login swift_login_from(const http::variable_lookup& variable);

} // namespace wale::store
