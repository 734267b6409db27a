#pragma once
// The XML bodies of S3. Pure. Input is hostile: whatever is not the document that was asked for is
// a failure of kind::unavailable that says what was expected, never an empty result; no entity but
// XML's own five and character references is expanded. Length is limited by who reads the body.
//
// Element names: Amazon S3 API Reference, "Data Types" and the actions of the same name.

#include "bucket.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::store {

struct s3_listing {
  std::vector<object_info> objects; ///< keys decoded; last_modified as sent
  bool truncated = false;
  std::string next_marker; ///< v1, decoded; AWS leaves it out where no delimiter was given
  std::string next_token;  ///< v2, to be sent back as it is, percent-encoded
};

/// ListBucketResult of ListObjects and of ListObjectsV2, with EncodingType url or none.
s3_listing parse_listing(std::string_view xml);

/// The UploadId of an InitiateMultipartUploadResult.
std::string parse_upload_id(std::string_view xml);

struct s3_uploads {
  std::vector<unfinished_upload> uploads;
  bool truncated = false;
  std::string next_key_marker; ///< decoded
  std::string next_id_marker;
};

/// ListMultipartUploadsResult.
s3_uploads parse_uploads(std::string_view xml);

/// The Errors of a DeleteResult. A refusal of the whole request is an Error document.
std::vector<failed_removal> parse_removals(std::string_view xml);

/// An Error document. Any element may be missing.
struct s3_error {
  std::string code;
  std::string message = {};
  std::string region = {};
  std::string endpoint = {};
  std::string bucket = {};
  std::string request_id = {};
  std::string host_id = {};
};

/// nullopt if the body is none.
std::optional<s3_error> parse_error(std::string_view xml);

/// A 200 of CompleteMultipartUpload carries a result or, after S3 has sent blanks to keep the
/// connection open, an error.
struct s3_completion {
  std::string etag; ///< some servers leave it out
  std::optional<s3_error> error;
};
s3_completion parse_completion(std::string_view xml);

/// CompleteMultipartUpload. Checksums are SHA-256 in base64; empty ones are left out.
std::string compose_completion(const std::vector<uploaded_part>& parts);

/// Delete, with Quiet: the answer lists only what failed.
std::string compose_removal(const std::vector<std::string>& keys);

} // namespace wale::store
