#include "swift_leftovers.hpp"

#include <algorithm>

namespace wale::store {

void segment_census::add(const std::vector<object_info>& segments) {
  for (const object_info& s : segments) {
    const auto owner = names_.owner_of(s.key.name);
    if (!owner) continue;
    std::int64_t& newest = objects_[owner->object].uploads[owner->upload];
    newest = std::max(newest, s.modified_ns);
  }
}

void segment_census::note_object(const std::string& name) {
  const auto found = objects_.find(name);
  if (found != objects_.end()) found->second.is_listed = true;
}

std::string segment_census::common_prefix() const {
  if (objects_.empty()) return {};
  const std::string& first = objects_.begin()->first;
  const std::string& last = objects_.rbegin()->first;
  const auto differ = std::ranges::mismatch(first, last);
  return {first.begin(), differ.in1};
}

std::vector<unfinished_upload> segment_census::doubtful() const {
  std::vector<unfinished_upload> found;
  for (const auto& [name, o] : objects_) {
    if (o.is_listed && o.uploads.size() == 1) continue;
    for (const auto& [id, newest] : o.uploads)
      found.push_back({name, id, newest});
  }
  return found;
}

} // namespace wale::store
