#include "swift_address.hpp"

#include <wale/base/error.hpp>
#include <wale/http/url.hpp>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace wale::store {
namespace {

constexpr std::size_t digits_of_number = 8;

bool is_number(std::string_view text) {
  return text.size() == digits_of_number &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

swift_location parse_swift_url(std::string_view prefix_url) {
  constexpr std::string_view scheme = "swift://";
  const std::string_view rest =
      prefix_url.starts_with(scheme) ? prefix_url.substr(scheme.size()) : "";
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  if (slash == 0)
    throw failure(
        kind::configuration,
        "the storage prefix names no container",
        "It is \"" + std::string(prefix_url) + "\".",
        "Use swift://CONTAINER/PREFIX.");
  swift_location found{std::string(rest.substr(0, slash)), "/"};
  std::string_view prefix = rest.substr(slash);
  while (prefix.starts_with('/'))
    prefix.remove_prefix(1);
  while (prefix.ends_with('/'))
    prefix.remove_suffix(1);
  if (!prefix.empty()) found.root += std::string(prefix) + "/";
  return found;
}

std::string container_target(const std::string& container) {
  return "/" + http::percent_encode(container);
}

std::string object_target(const std::string& container, std::string_view name) {
  return container_target(container) + "/" + http::percent_encode(name, true);
}

swift_segments::swift_segments(std::string root)
    : root_(std::move(root)), below_(root_ + "segments_005/"), behind_(root_ + "segments_0050") {}

std::string swift_segments::of_object(std::string_view object) const {
  return below_ + std::string(object.substr(root_.size())) + "/";
}

std::string swift_segments::of_upload(std::string_view object, std::string_view upload) const {
  return of_object(object) + std::string(upload) + "/";
}

std::string
swift_segments::part(std::string_view object, std::string_view upload, unsigned number) const {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%08u", number);
  return of_upload(object, upload) + digits;
}

std::optional<swift_segments::owner> swift_segments::owner_of(std::string_view name) const {
  if (!name.starts_with(below_)) return std::nullopt;
  name.remove_prefix(below_.size());
  const std::size_t number = name.rfind('/');
  if (number == name.npos || number == 0 || !is_number(name.substr(number + 1)))
    return std::nullopt;
  const std::size_t upload = name.rfind('/', number - 1);
  if (upload == name.npos || upload == 0 || upload + 1 == number) return std::nullopt;
  return owner{
      root_ + std::string(name.substr(0, upload)),
      std::string(name.substr(upload + 1, number - upload - 1))};
}

} // namespace wale::store
