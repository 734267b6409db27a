#pragma once
// The requests of the Swift driver, without token; targets are below the account's storage URL.
// Pure. Source: Object Storage API Reference; OpenStack Swift documentation, "Static Large Objects"
// and "Bulk Delete".

#include "bucket.hpp"
#include "object_answer.hpp"

#include <wale/http/message.hpp>

#include <string>
#include <string_view>

namespace wale::store {

inline constexpr const char* swift_digest_header = "X-Object-Meta-Wale-Sha256";
inline constexpr const char* swift_token_header = "X-Object-Meta-Wale-Upload";
inline constexpr answer_dialect swift_answers{
    "an OpenStack Swift", swift_token_header, swift_digest_header};

class swift_requests {
public:
  explicit swift_requests(std::string container) : container_(std::move(container)) {}

  /// `etag` is the MD5 of the body: the server refuses (422) what arrives otherwise.
  http::request
  put(const std::string& name,
      const object_description& about,
      http::body_pieces body,
      bool create_only,
      const std::string& etag) const;
  /// A segment: an object that says nothing about itself.
  http::request
  part(const std::string& name, http::body_pieces body, const std::string& etag) const;
  /// `body` is the composed manifest, `etag` that of the large object.
  http::request manifest(
      const std::string& name,
      const object_description& about,
      std::string_view body,
      bool create_only,
      const std::string& etag) const;
  /// Asks all replicas, and answers for the newest.
  http::request head(const std::string& name) const;
  /// From `offset` on; `etag` empty for any.
  http::request get(const std::string& name, std::uint64_t offset, const std::string& etag) const;
  http::request head_container() const;
  http::request list(const std::string& prefix, const std::string& marker) const;
  /// One object; of a large one only the manifest.
  http::request remove(const std::string& name) const;
  /// `body` is the composed list of names.
  http::request bulk_remove(std::string_view body) const;

private:
  http::request about(std::string method, const std::string& name) const;

  std::string container_;
};

} // namespace wale::store
