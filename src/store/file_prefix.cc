#include "file_prefix.hpp"

#include <wale/base/error.hpp>

#include <string_view>

namespace wale::store {

file_prefix parse_file_prefix(const std::string& url) {
  const std::string rest = url.substr(std::string_view("file://").size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos)
    throw failure(
        kind::configuration,
        "the file storage prefix holds no path",
        "The prefix \"" + url + "\" was passed.",
        "Use file://localhost/absolute/path.");
  std::string root = rest.substr(slash);
  const std::size_t last = root.find_last_not_of('/');
  root.erase(last == std::string::npos ? 0 : last + 1);
  const std::size_t first = root.find_first_not_of('/');
  if (first == std::string::npos)
    throw failure(
        kind::configuration,
        "the file storage prefix is the root directory",
        "The prefix \"" + url + "\" was passed.",
        "Use a directory of its own, file://localhost/absolute/path.");
  return {rest.substr(0, slash), root.substr(first - 1)};
}

std::string about_host(const std::string& host) {
  if (host.empty() || host == "localhost") return {};
  return " Of the prefix, \"" + host + "\" is the host, which is ignored.";
}

} // namespace wale::store
