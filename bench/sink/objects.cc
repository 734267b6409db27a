#include "objects.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace sink {

std::uint64_t object::size() const {
  std::uint64_t sum = 0;
  for (const piece& p : pieces)
    sum += p.size;
  return sum;
}

bool object::is_kept() const {
  return std::all_of(
      pieces.begin(), pieces.end(), [](const piece& p) { return p.bytes || p.size == 0; });
}

bool object_table::insert(const std::string& name, object made, bool only_new) {
  const std::lock_guard lock(mutex_);
  if (only_new && objects_.contains(name)) return false;
  // Of the form that S3 has for multipart uploads, which no client takes for an MD5.
  made.etag = "\"" + std::to_string(++count_) + "-1\"";
  made.modified = std::time(nullptr);
  objects_[name] = std::make_shared<const object>(std::move(made));
  return true;
}

object_pointer object_table::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto at = objects_.find(name);
  return at == objects_.end() ? nullptr : at->second;
}

void object_table::erase(const std::string& name) {
  const std::lock_guard lock(mutex_);
  objects_.erase(name);
}

object_table::listing
object_table::list(const std::string& prefix, const std::string& after, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  listing found;
  auto at = after < prefix ? objects_.lower_bound(prefix) : objects_.upper_bound(after);
  for (; at != objects_.end() && found.size() < most && at->first.starts_with(prefix); ++at)
    found.emplace_back(*at);
  return found;
}

std::string object_table::begin(fields headers) {
  const std::lock_guard lock(mutex_);
  std::string id = "upload-" + std::to_string(++count_);
  uploads_[id].headers = std::move(headers);
  return id;
}

bool object_table::add_part(const std::string& upload, const std::string& part, piece body) {
  const std::lock_guard lock(mutex_);
  const auto at = uploads_.find(upload);
  if (at == uploads_.end()) return false;
  at->second.parts[part] = std::move(body);
  return true;
}

void object_table::stage(const std::string& upload, const std::string& part, piece body) {
  const std::lock_guard lock(mutex_);
  uploads_[upload].parts[part] = std::move(body);
}

std::optional<object>
object_table::take(const std::string& upload, const std::vector<std::string>& parts) {
  const std::lock_guard lock(mutex_);
  const auto at = uploads_.find(upload);
  if (at == uploads_.end()) return std::nullopt;
  object made;
  for (const std::string& part : parts) {
    const auto found = at->second.parts.find(part);
    if (found == at->second.parts.end()) return std::nullopt;
    made.pieces.push_back(found->second);
  }
  made.headers = std::move(at->second.headers);
  uploads_.erase(at);
  return made;
}

std::optional<object> object_table::take_all(const std::string& upload) {
  std::vector<std::string> parts;
  {
    const std::lock_guard lock(mutex_);
    const auto at = uploads_.find(upload);
    if (at == uploads_.end()) return std::nullopt;
    for (const auto& [part, body] : at->second.parts)
      parts.push_back(part);
  }
  return take(upload, parts);
}

bool object_table::abort(const std::string& upload) {
  const std::lock_guard lock(mutex_);
  return uploads_.erase(upload) > 0;
}

} // namespace sink
