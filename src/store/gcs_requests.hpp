#pragma once
// The requests of the driver for Google Cloud Storage, without their token. Pure. Source: Cloud
// Storage JSON API v1 reference, the methods named at each; "Resumable uploads"; "Request
// preconditions".

#include "bucket.hpp"
#include "gcs_address.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

inline constexpr const char* gcs_digest_name = "wale-sha256";
inline constexpr const char* gcs_token_name = "wale-upload";

/// All chunks of a resumable upload but the last are a multiple of this ("Perform resumable
/// uploads", "Multiple chunk upload").
inline constexpr std::uint64_t gcs_chunk_multiple = 256 * 1024;

/// What stands around the bytes in an upload of one request (RFC 2387, multipart/related).
struct gcs_envelope {
  std::string type; ///< Content-Type of the request
  std::string head;
  std::string tail;
};

/// `crc32c` lets the server refuse bytes that were damaged on their way.
gcs_envelope compose_envelope(const object_description& about, std::uint32_t crc32c);

/// CRC-32C as Cloud Storage writes it: base64 of its four bytes, the highest first.
std::string crc32c_text(std::uint32_t sum);
std::optional<std::uint32_t> parse_crc32c(std::string_view text);

class gcs_requests {
public:
  /// It outlives this.
  explicit gcs_requests(const gcs_address& address) : address_(address) {}

  /// Objects: insert, uploadType=multipart. The request refers to all three.
  http::request
  put(const std::string& key,
      const gcs_envelope& around,
      const http::body_pieces& body,
      bool create_only) const;
  /// Objects: insert, uploadType=resumable. `document` is of compose_description().
  http::request begin(const std::string& key, std::string_view document, bool create_only) const;
  /// Bytes of a resumable upload from `first` on. `total` with the last ones, and with none after
  /// the last ones; `crc32c` of the whole object goes with it.
  http::request chunk(
      const std::string& session,
      std::uint64_t first,
      http::body_pieces bytes,
      std::optional<std::uint64_t> total,
      std::uint32_t crc32c) const;
  /// How many bytes the session has.
  http::request ask(const std::string& session) const;
  http::request cancel(const std::string& session) const;
  /// Objects: get.
  http::request head(const std::string& key) const;
  /// Objects: get, alt=media; `generation` empty for the present one.
  http::request
  get(const std::string& key, std::uint64_t offset, const std::string& generation) const;
  /// Objects: list. `from` is the first name that may come; `page` is a token, or empty.
  http::request
  list(const std::string& key_prefix, const std::string& from, const std::string& page) const;
  /// The same for one name: who may list gets a success, whether or not the object is there.
  http::request look_up(const std::string& key) const;
  /// Objects: delete; `generation` empty for the present one.
  http::request remove(const std::string& key, const std::string& generation) const;

private:
  const gcs_address& address_;
};

/// The metadata of an object that begins: content type and our own.
std::string compose_description(const object_description& about);

} // namespace wale::store
