#pragma once
// The requests of the Azure driver, without what authorises them. Pure. Source: Azure Storage
// Services REST API Reference, "Blob service REST API", the operations named at each.

#include "azure_address.hpp"
#include "bucket.hpp"
#include "object_answer.hpp"

#include <wale/http/message.hpp>

#include <string>
#include <string_view>

namespace wale::store {

/// `x-ms-version` of all requests ("Versioning for Azure Storage").
inline constexpr const char* azure_version = "2025-11-05";

/// Names of metadata are C# identifiers: no hyphens ("Setting and retrieving properties and
/// metadata for Blob Storage resources").
inline constexpr const char* azure_digest_header = "x-ms-meta-wale_sha256";
inline constexpr const char* azure_token_header = "x-ms-meta-wale_upload";
inline constexpr answer_dialect azure_answers{
    "an Azure Blob service", azure_token_header, azure_digest_header};

class azure_requests {
public:
  /// It outlives it.
  explicit azure_requests(const azure_address& address) : address_(address) {}

  /// Put Blob. `md5` is in base64: the server refuses what is damaged on its way.
  http::request
  put(const std::string& key,
      const object_description& about,
      http::body_pieces body,
      bool create_only,
      const std::string& md5) const;
  /// Put Block.
  http::request block(
      const std::string& key,
      const std::string& id,
      http::body_pieces body,
      const std::string& md5) const;
  /// Put Block List; `body` is the composed document, and outlives the request.
  http::request commit(const upload& what, std::string_view body, bool create_only) const;
  /// Get Blob Properties.
  http::request head(const std::string& key) const;
  /// Get Blob, from `offset` on; `etag` empty for any.
  http::request get(const std::string& key, std::uint64_t offset, const std::string& etag) const;
  /// List Blobs; `marker` empty for the first page.
  http::request list(const std::string& key_prefix, const std::string& marker) const;
  /// Delete Blob.
  http::request remove(const std::string& key) const;

private:
  http::request about(std::string method, std::string target) const;

  const azure_address& address_;
};

} // namespace wale::store
