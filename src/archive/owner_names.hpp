#pragma once
// User and group names of this system, both ways. Looking one up may ask a directory server: for
// the CPU pool.

#include <cstdint>
#include <optional>
#include <string>

namespace wale::archive {

/// Empty where the number has no name.
std::string user_name(std::uint32_t uid);
std::string group_name(std::uint32_t gid);
std::optional<std::uint32_t> user_number(const std::string& name);
std::optional<std::uint32_t> group_number(const std::string& name);

} // namespace wale::archive
