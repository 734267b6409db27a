#pragma once
// AWS Signature Version 4 in the Authorization header. Pure; the pieces that a signature is made
// of are exposed, because they are what a test or an operator compares with the server's.
//
// Source: AWS IAM User Guide, "Create a signed AWS API request"; Amazon S3 API Reference,
// "Authenticating Requests: Using the Authorization Header".

#include "aws_keys.hpp"

#include <wale/http/message.hpp>
#include <wale/http/url.hpp>

#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace wale::store {

/// How the path enters the signature.
enum class sigv4_flavour {
  s3,      ///< as it is sent: encoded once, `//` and `..` are parts of keys
  generic, ///< normalised, then encoded once more (sts)
};

struct sigv4_scope {
  std::string region;
  std::string service = "s3";
  sigv4_flavour flavour = sigv4_flavour::s3;
};

inline constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";
inline constexpr std::string_view sha256_of_nothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Hexadecimal SHA-256 of a body. CPU work: 0.4 ms a MiB without SHA instructions.
std::string payload_hash(const http::body_pieces& body);

/// `20261120T184041Z`.
std::string sigv4_stamp(std::chrono::system_clock::time_point time);

/// All headers of `r` are signed but those that are written on the way or by the client itself
/// (Authorization, Connection, Expect, Transfer-Encoding, User-Agent, Accept-Encoding).
std::string
canonical_request(const http::request& r, std::string_view payload_hash, sigv4_flavour flavour);

std::string string_to_sign(
    std::string_view stamp, const sigv4_scope& scope, std::string_view canonical_request);

/// Signs requests of one scope; keeps the key of the day. Used by one thread.
class sigv4_signer {
public:
  explicit sigv4_signer(sigv4_scope scope) : scope_(std::move(scope)) {}

  /// Replaces Host, X-Amz-Date, X-Amz-Security-Token, X-Amz-Content-SHA256 (S3 only) and
  /// Authorization, so a request can be signed again for its next attempt. Whatever else it has is
  /// signed as it is, and must not change afterwards. `time` is the server's: ours plus
  /// http::client::clock_offset().
  void sign(
      http::request& r,
      const http::origin& to,
      const aws_credentials& with,
      std::chrono::system_clock::time_point time,
      std::string_view payload_hash);

  /// The Authorization header's value for `r` as it is, its X-Amz-Date being `stamp`.
  std::string authorization(
      const http::request& r,
      const aws_credentials& with,
      std::string_view stamp,
      std::string_view payload_hash);

  const sigv4_scope& scope() const noexcept { return scope_; }

private:
  const std::string& key_of(std::string_view day, const aws_credentials& with);

  sigv4_scope scope_;
  std::string day_;
  wale::secret secret_;
  std::string key_;
};

} // namespace wale::store
