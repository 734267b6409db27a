#pragma once
// The files ~/.aws/credentials and ~/.aws/config. Pure. AWS SDKs and Tools Reference Guide, "Shared
// config and credentials files".

#include <map>
#include <string>
#include <string_view>

namespace wale::store {

using aws_section = std::map<std::string, std::string>;
/// By profile name.
using aws_profiles = std::map<std::string, aws_section>;

enum class aws_file {
  credentials, ///< sections are called by the profile
  config,      ///< sections are called `profile NAME`, but for `default`
};

/// Settings inside of settings (indented lines) and lines that say nothing are left out.
aws_profiles parse_profiles(std::string_view text, aws_file which);

/// Where both set the same, the credentials file counts.
aws_profiles merge_profiles(aws_profiles credentials, const aws_profiles& config);

} // namespace wale::store
