#pragma once
// The prefix of a file store: file://HOST/PATH, whose host is ignored. Pure.

#include <string>

namespace wale::store {

struct file_prefix {
  std::string host;
  std::string root; ///< absolute, without a slash at the end
};

/// Throws kind::configuration if there is no path, or only the root directory.
file_prefix parse_file_prefix(const std::string& url);

/// What to add where a directory is missing: file://mnt/archive is easily written for
/// file:///mnt/archive. Empty where the host is none or `localhost`.
std::string about_host(const std::string& host);

} // namespace wale::store
