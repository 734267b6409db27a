#pragma once
// The command line, understood: WAL-E's grammar (global options, command, its options and operands
// mixed, long options by any unambiguous prefix) on top of cxxopts. Pure.

#include <wale/command/options.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wale::command {

/// Options that were given, or have a default, by long name; flags have the value "true".
using option_values = std::map<std::string, std::string, std::less<>>;

struct command_line {
  option_values global;
  const command_spec* command = nullptr;    ///< nullptr: none was given
  const command_spec* subcommand = nullptr; ///< nullptr: the command has none, or none was given
  option_values options;
  std::vector<std::string> operands;

  bool has(std::string_view option) const { return options.contains(option); }
  /// The value as a whole number from `least` to `most`; throws kind::usage.
  unsigned long
  number(std::string_view option, unsigned long least, unsigned long most = 1'000'000'000) const;
  /// The value as a time, `24` hours if it has no unit of s, m, h or d; throws kind::usage.
  std::chrono::seconds time(std::string_view option) const;
};

/// Throws kind::usage, DETAIL saying what is wrong.
command_line parse_command_line(const std::vector<std::string>& arguments);

/// The global options alone, of a line whose rest need not be understood. Throws as above.
option_values leading_options(const std::vector<std::string>& arguments);

} // namespace wale::command
