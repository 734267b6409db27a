#pragma once
// As much of JSON as the documents that clients send here need.

#include <string>
#include <string_view>
#include <vector>

namespace sink {

/// In quotes, escaped.
std::string json_text(std::string_view text);
/// The texts of all members of that name, in order. Knows the escapes \\ \" \/ only.
std::vector<std::string> json_members(std::string_view document, std::string_view name);
/// The object that is the member of that name, braces included; it holds no braces. "{}" if none.
std::string json_object(std::string_view document, std::string_view name);

} // namespace sink
