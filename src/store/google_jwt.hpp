#pragma once
// JSON Web Signatures by RSA and SHA-256 (RFC 7515, RFC 7518 section 3.3: RS256). Pure.

#include <wale/base/secret.hpp>

#include <string>
#include <string_view>

namespace wale::store {

/// Base64 with the URL's alphabet, not padded (RFC 7515, appendix C).
std::string to_base64url(std::string_view bytes);

/// `header.payload.signature`, the compact form of both documents signed with a private key in PEM.
/// Throws kind::configuration, without showing it, if that is no RSA key.
std::string sign_rs256(std::string_view header, std::string_view payload, const secret& pem);

} // namespace wale::store
