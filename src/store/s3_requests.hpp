#pragma once
// The requests of the S3 driver, unsigned. Pure. Source: Amazon S3 API Reference, the actions named
// at each.

#include "bucket.hpp"
#include "object_answer.hpp"
#include "s3_address.hpp"
#include "s3_options.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace wale::store {

inline constexpr const char* s3_digest_header = "x-amz-meta-wale-sha256";
inline constexpr const char* s3_token_header = "x-amz-meta-wale-upload";
inline constexpr answer_dialect s3_answers{"an S3 server", s3_token_header, s3_digest_header};

class s3_requests {
public:
  /// Both outlive it; the address may change between two requests.
  s3_requests(const s3_address& address, const s3_options& options)
      : address_(address), options_(options) {}

  /// PutObject. `checksum` is SHA-256 in base64 or empty.
  http::request
  put(const std::string& key,
      const object_description& about,
      http::body_pieces body,
      bool create_only,
      const std::string& checksum) const;
  /// CreateMultipartUpload.
  http::request begin(const std::string& key, const object_description& about) const;
  /// UploadPart.
  http::request
  part(const upload& to, std::uint32_t number, http::body_pieces body, const std::string& checksum)
      const;
  /// CompleteMultipartUpload; `body` is the composed document.
  http::request complete(const upload& what, std::string_view body, bool create_only) const;
  /// AbortMultipartUpload.
  http::request abort(const upload& what) const;
  /// ListMultipartUploads.
  http::request uploads(
      const std::string& key_prefix,
      const std::string& key_marker,
      const std::string& id_marker) const;
  /// HeadObject.
  http::request head(const std::string& key) const;
  /// GetObject; `range` is `bytes=0-0` or empty, `etag` empty for any.
  http::request
  get(const std::string& key, const std::string& range, const std::string& etag) const;
  /// ListObjectsV2 or ListObjects.
  http::request list(const std::string& key_prefix, const std::string& after) const;
  /// DeleteObjects; `body` is the composed document. Content-MD5 is required there.
  http::request remove(std::string_view body) const;

private:
  http::request about(std::string method, const std::string& key) const;

  const s3_address& address_;
  const s3_options& options_;
};

} // namespace wale::store
