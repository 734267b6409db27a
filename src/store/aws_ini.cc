#include "aws_ini.hpp"

#include <wale/base/ascii.hpp>

#include <algorithm>

namespace wale::store {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

// A comment behind a value begins with a blank and a mark; keys of AWS hold neither.
std::string_view without_comment(std::string_view value) {
  for (std::size_t i = 1; i < value.size(); ++i)
    if ((value[i] == '#' || value[i] == ';') && (value[i - 1] == ' ' || value[i - 1] == '\t'))
      return trimmed(value.substr(0, i));
  return value;
}

// The profile that a section is about; empty for other sections (sso-session, services).
std::string profile_of(std::string_view section, aws_file which) {
  section = trimmed(section);
  if (which == aws_file::credentials || section == "default") return std::string(section);
  if (!section.starts_with("profile ") && !section.starts_with("profile\t")) return {};
  std::string_view name = trimmed(section.substr(7));
  if (name.size() >= 2 && (name.front() == '"' || name.front() == '\'') &&
      name.back() == name.front())
    name = name.substr(1, name.size() - 2);
  return std::string(name);
}

} // namespace

aws_profiles parse_profiles(std::string_view text, aws_file which) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  aws_profiles profiles;
  aws_section* current = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const std::size_t close = line.find(']');
      const std::string name =
          close == std::string_view::npos ? "" : profile_of(line.substr(1, close - 1), which);
      current = name.empty() ? nullptr : &profiles[name];
      continue;
    }
    const bool nested = whole.front() == ' ' || whole.front() == '\t';
    const std::size_t equals = line.find('=');
    if (!current || nested || equals == std::string_view::npos) continue;
    (*current)[lower_case(trimmed(line.substr(0, equals)))] =
        without_comment(trimmed(line.substr(equals + 1)));
  }
  return profiles;
}

aws_profiles merge_profiles(aws_profiles credentials, const aws_profiles& config) {
  for (const auto& [name, section] : config)
    credentials[name].insert(section.begin(), section.end());
  return credentials;
}

} // namespace wale::store
