#pragma once
// Which bytes of an object an answer or a request carries. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace wale::store {

/// RFC 9110, 14.4: `bytes FIRST-LAST/COMPLETE`.
struct content_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t complete = 0;
};

/// nullopt for anything else, and for what contradicts itself.
std::optional<content_range> parse_content_range(std::string_view text);

/// Decimal digits and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

} // namespace wale::store
