#pragma once
// Files of Google credentials, and the requests that turn what is in them into access tokens. Pure.
// No message ever holds a part of them. Sources: "Using OAuth 2.0 for Server to Server
// Applications", "Using OAuth 2.0 to Access Google APIs", RFC 7523, RFC 6749.

#include "google_token.hpp"

#include <wale/base/secret.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

namespace wale::store {

struct google_service_account {
  std::string email;
  std::string key_id;
  wale::secret private_key; ///< PEM
  std::string token_url;
};

struct google_user {
  std::string client_id;
  wale::secret client_secret;
  wale::secret refresh_token;
  std::string token_url;
};

using google_key = std::variant<google_service_account, google_user>;

/// `where` names the file in the failure, kind::configuration, for what is no such file.
google_key parse_google_key(std::string_view json, const std::string& where);

const std::string& token_url_of(const google_key& key);

/// The body of the request for a token, a form.
std::string compose_token_request(const google_key& key, std::chrono::system_clock::time_point now);

/// The answer of a token endpoint or of the metadata server, which came at `now`. Throws
/// kind::unavailable, naming `from`, for what is none.
google_token parse_token(
    std::string_view json, const std::string& from, std::chrono::system_clock::time_point now);

/// What a token endpoint refused with: `invalid_grant: Invalid JWT Signature.`; empty if it did not
/// say (RFC 6749, 5.2).
std::string refusal_in(std::string_view json);

} // namespace wale::store
