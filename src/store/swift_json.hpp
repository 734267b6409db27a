#pragma once
// The documents of Swift. Pure. Input is hostile: whatever is not the document that was asked for
// is a failure of kind::unavailable, never an empty result. Length is limited by who reads it.
//
// Sources: Object Storage API Reference, "Show container details and list objects" and
// "Discoverability"
// (/info); OpenStack Swift documentation, "Static Large Objects" and "Bulk Delete".

#include "bucket.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::store {

/// A page of a container's listing in JSON; empty behind the last one.
std::vector<object_info> parse_swift_listing(std::string_view json);

/// The manifest of an object of these segments, in their order. Tags are MD5 in hexadecimal.
struct swift_segment {
  std::string path; ///< `/container/name`, not encoded
  std::string etag;
  std::uint64_t size = 0;
};
std::string compose_manifest(const std::vector<swift_segment>& segments);

/// Whether a refused manifest was refused because a segment is not there.
bool misses_segments(std::string_view json);

/// How many removals the server takes in one request; nullopt if it has no bulk delete.
std::optional<std::size_t> bulk_limit_in(std::string_view info);

/// The body of a bulk delete: names of one container, encoded, one a line.
std::string
compose_bulk_delete(const std::string& container, const std::vector<std::string>& names);

/// What a bulk delete, whose own status is always 200, came to.
struct swift_removals {
  int status = 0; ///< of the first that failed, else 200
  std::string said = {};
  std::uint64_t gone = 0;                  ///< deleted, or not found
  std::vector<failed_removal> failed = {}; ///< keys are names; code is the status line
};
swift_removals parse_bulk_delete(const std::string& container, std::string_view json);

} // namespace wale::store
