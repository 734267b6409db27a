#pragma once
// The variables of the environment that wal-e reads: one table, for the warning about unknown ones
// and for the tests that hold the manual page and the sources against it. Pure.

#include <wale/base/log.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wale::command {

/// All but those of other programs' libraries that they read by themselves (libpq, gpg).
std::span<const std::string_view> known_variables();

/// The names that begin with WALE_ in an environment (as environ: NAME=VALUE, ended by nullptr) and
/// that no version of wal-e knows. Takes 1 to 5 us for 100 variables.
std::vector<std::string> unknown_settings(const char* const* environment);

/// The known name that begins with WALE_ and takes the fewest letters to insert, remove or replace.
std::string_view nearest_setting(std::string_view name);

/// A WARNING for each of unknown_settings(): a misspelt setting would have no effect silently, and
/// WALE_GPG_KEY_ID is one of them.
void warn_of_unknown_settings(const char* const* environment);

} // namespace wale::command
