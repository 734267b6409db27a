#pragma once
// What the sink has been given: names, sizes and metadata of all objects, the bytes of some.
// Safe to use from several threads; what it hands out never changes.

#include "message.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sink {

/// Bytes of one request's body.
struct piece {
  std::uint64_t size = 0;
  std::shared_ptr<const char[]> bytes = {}; ///< null if they were discarded
};

struct object {
  std::vector<piece> pieces = {};
  fields headers = {}; ///< to be given back: x-amz-meta-*, content-type
  std::string etag = {};
  std::int64_t modified = 0; ///< seconds since the epoch

  std::uint64_t size() const;
  bool is_kept() const;
};
using object_pointer = std::shared_ptr<const object>;

class object_table {
public:
  /// Gives it ETag and time. False if the name is taken and `only_new`.
  bool insert(const std::string& name, object made, bool only_new);
  object_pointer find(const std::string& name) const;
  void erase(const std::string& name);

  using listing = std::vector<std::pair<std::string, object_pointer>>;
  /// In order of their bytes, those after `after`.
  listing list(const std::string& prefix, const std::string& after, std::size_t most) const;

  /// Uploads in parts. nullopt or false: there is no such upload, or no such part.
  std::string begin(fields headers);
  bool add_part(const std::string& upload, const std::string& part, piece body);
  /// The same, for protocols that never begin an upload: `upload` is any name.
  void stage(const std::string& upload, const std::string& part, piece body);
  std::optional<object> take(const std::string& upload, const std::vector<std::string>& parts);
  /// In the order of the parts' names.
  std::optional<object> take_all(const std::string& upload);
  bool abort(const std::string& upload);

private:
  struct unfinished {
    fields headers;
    std::map<std::string, piece> parts;
  };
  mutable std::mutex mutex_;
  std::map<std::string, object_pointer> objects_;
  std::map<std::string, unfinished> uploads_;
  std::uint64_t count_ = 0; ///< of ETags and upload ids given
};

} // namespace sink
