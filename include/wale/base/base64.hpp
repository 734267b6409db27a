#pragma once
// Base64 (RFC 4648, section 4), padded. Pure.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace wale {

std::string to_base64(std::span<const std::byte> bytes);
std::string to_base64(std::string_view bytes);
/// nullopt for what is no padded base64.
std::optional<std::string> from_base64(std::string_view text);

} // namespace wale
