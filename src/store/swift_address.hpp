#pragma once
// Names in Swift: `swift://container/prefix` taken apart, the targets of requests, and where the
// segments of large objects lie. Pure.
//
// Names of objects begin with a slash, as WAL-E's do.

#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

struct swift_location {
  std::string container;
  std::string root; ///< what names begin with: `/prefix/`, or `/` for a bare container
};

/// Throws kind::configuration if it is no swift URL or names no container.
swift_location parse_swift_url(std::string_view prefix_url);

/// Targets below the account's storage URL, encoded.
std::string container_target(const std::string& container);
std::string object_target(const std::string& container, std::string_view name);

/// Where parts of large objects lie, below `root`. A part of an upload is
///   ROOT segments_005/ NAME-WITHOUT-ROOT / UPLOAD / NUMBER
/// with a number of 8 digits, so that parts of an object sort in its order, and all that belongs to
/// an object has a prefix of its own.
class swift_segments {
public:
  explicit swift_segments(std::string root);

  /// What all names of parts begin with.
  const std::string& below() const noexcept { return below_; }
  /// The first name that comes after all of them.
  const std::string& behind() const noexcept { return behind_; }
  /// What the parts of any upload of `object` begin with.
  std::string of_object(std::string_view object) const;
  std::string of_upload(std::string_view object, std::string_view upload) const;
  std::string part(std::string_view object, std::string_view upload, unsigned number) const;

  /// Which object and upload a name is a part of; nullopt if it is none.
  struct owner {
    std::string object;
    std::string upload;
  };
  std::optional<owner> owner_of(std::string_view name) const;

private:
  std::string root_;
  std::string below_;
  std::string behind_;
};

} // namespace wale::store
