#pragma once
// Text of protocols, which no locale changes.

#include <string>
#include <string_view>

namespace wale {

/// A to Z as a to z, every other byte as it is.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

} // namespace wale
