#pragma once
// What --help shows, made of the option table. Pure.

#include <wale/command/options.hpp>

#include <string>

namespace wale::command {

/// `usage: wal-e ...` of one command or subcommand or, with nullptr, of the program.
std::string usage_text(const command_spec* command);

/// The usage and what it means: options with defaults and variables, exit status, examples.
std::string help_text(const command_spec* command);

} // namespace wale::command
