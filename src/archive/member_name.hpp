#pragma once
// What a member may be called. Pure.

#include <string>
#include <string_view>

namespace wale::archive {

/// The name without empty and `.` components; empty for the archive's root. Throws kind::refused,
/// naming it, for an absolute name and for one with a `..` component.
std::string clean_name(std::string_view name);

/// "a/b" of "a/b/c"; empty for a name without a slash.
std::string_view parent_of(std::string_view name);
/// "c" of "a/b/c".
std::string_view base_of(std::string_view name);

} // namespace wale::archive
