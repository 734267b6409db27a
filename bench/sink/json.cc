#include "json.hpp"

namespace sink {
namespace {

/// Behind `"name":` and blanks, from `at` on; npos if there is none.
std::size_t value_of(std::string_view document, std::string_view name, std::size_t at) {
  const std::string member = '"' + std::string(name) + '"';
  at = document.find(member, at);
  if (at == document.npos) return at;
  return document.find_first_not_of(" :\r\n\t", at + member.size());
}

} // namespace

std::string json_text(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += c;
  }
  return made + '"';
}

std::vector<std::string> json_members(std::string_view document, std::string_view name) {
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = value_of(document, name, at)) != document.npos;) {
    if (document[at] != '"') continue;
    std::string text;
    for (++at; at < document.size() && document[at] != '"'; ++at) {
      if (document[at] == '\\') ++at;
      if (at < document.size()) text += document[at];
    }
    found.push_back(std::move(text));
  }
  return found;
}

std::string json_object(std::string_view document, std::string_view name) {
  const std::size_t at = value_of(document, name, 0);
  if (at == document.npos || document[at] != '{') return "{}";
  return std::string(document.substr(at, document.find('}', at) - at + 1));
}

} // namespace sink
