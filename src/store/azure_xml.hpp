#pragma once
// The XML bodies of the Blob service. Pure. Input is hostile: whatever is not the document that was
// asked for is a failure of kind::unavailable that says what was expected, never an empty result.
// Length is limited by who reads the body.

#include "bucket.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::store {

struct azure_listing {
  std::vector<object_info> objects; ///< last_modified as WAL-E prints it
  std::string next_marker;          ///< opaque; empty at the end
};

/// EnumerationResults of List Blobs. Directories of accounts with a hierarchical namespace are no
/// objects.
azure_listing parse_azure_listing(std::string_view xml);

/// An Error document. Any element may be missing.
struct azure_error {
  std::string code;
  std::string message = {};
  std::string detail = {}; ///< AuthenticationErrorDetail
};

/// nullopt if the body is none.
std::optional<azure_error> parse_azure_error(std::string_view xml);

/// The BlockList of Put Block List; ids are base64.
std::string compose_block_list(const std::vector<uploaded_part>& parts);

} // namespace wale::store
