#pragma once
// The option table: every command, option and operand of the program, in one place. The command
// line, --help, and the tests that hold the manual page and the completions against it read it.

#include <span>
#include <string_view>

namespace wale::command {

struct option_spec {
  std::string_view name;     ///< long name without dashes
  char letter = 0;           ///< short name, 0 for none
  std::string_view argument; ///< what it takes, empty for a flag
  std::string_view fallback; ///< default value, empty for none
  std::string_view help;
  std::string_view variable = {}; ///< of the environment, which the option beats
};

struct operand_spec {
  std::string_view name;
  bool required = true;
  bool is_count = false; ///< a whole number of at least 1
};

/// What most commands end with.
inline constexpr std::string_view usual_exit_status =
    "0  done\n"
    "1  a failure that was foreseen; the log says which\n"
    "2  a usage error, or a bug";

struct command_spec {
  std::string_view name; ///< of a subcommand with its command's in front: `delete before`
  std::string_view summary;
  std::span<const operand_spec> operands;
  std::span<const option_spec> options;
  std::string_view example; ///< one or more lines
  /// WAL-E announces the commands that people start, not those that PostgreSQL starts.
  bool announced = true;
  /// One of them follows the options, and has the operands.
  std::span<const command_spec> subcommands = {};
  std::string_view exit_status = usual_exit_status; ///< a line for each code
};

/// Accepted before the command.
std::span<const option_spec> global_options();
std::span<const command_spec> commands();
const command_spec* find_command(std::string_view name);
/// `name` without the command's.
const command_spec* find_subcommand(const command_spec& command, std::string_view name);

} // namespace wale::command
