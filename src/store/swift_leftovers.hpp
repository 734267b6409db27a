#pragma once
// Uploads in parts as a listing of their segments shows them. Pure.

#include "bucket.hpp"
#include "swift_address.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace wale::store {

class segment_census {
public:
  explicit segment_census(const swift_segments& names) : names_(names) {}

  /// A page of the listing; names that are no segments are passed over.
  void add(const std::vector<object_info>& segments);
  /// An object of this name is listed.
  void note_object(const std::string& name);

  /// What the objects with segments have in common in front.
  std::string common_prefix() const;

  /// Uploads that may be without a manifest, with the time of their newest segment: all those of
  /// objects that are not listed, or that have segments of several uploads. A listing can lag
  /// behind, so ask the object.
  std::vector<unfinished_upload> doubtful() const;

private:
  struct object {
    bool is_listed = false;
    std::map<std::string, std::int64_t> uploads = {}; ///< and the newest segment of each
  };

  const swift_segments& names_;
  std::map<std::string, object> objects_;
};

} // namespace wale::store
