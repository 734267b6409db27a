// Everything from the option table; a test holds the manual page and the completions against what
// is printed here.
#include <wale/command/help.hpp>

namespace wale::command {
namespace {

constexpr std::size_t help_column = 34;

std::string padded(std::string text, std::size_t column) {
  if (text.size() >= column) return text + "\n" + std::string(column, ' ');
  return text + std::string(column - text.size(), ' ');
}

std::string describe(const option_spec& o) {
  std::string text = "  ";
  text += o.letter ? std::string("-") + o.letter + ", " : "    ";
  text += "--" + std::string(o.name);
  if (!o.argument.empty()) text += " " + std::string(o.argument);
  text = padded(std::move(text), help_column) + std::string(o.help);
  if (!o.fallback.empty()) text += " (default " + std::string(o.fallback) + ")";
  if (!o.variable.empty()) text += " [" + std::string(o.variable) + "]";
  return text + "\n";
}

std::string options_text(const std::string& heading, std::span<const option_spec> options) {
  std::string text = "\n" + heading + ":\n";
  for (const option_spec& o : options)
    text += describe(o);
  return text;
}

std::string indented(std::string_view lines) {
  std::string text = "  ";
  for (const char c : lines) {
    text += c;
    if (c == '\n') text += "  ";
  }
  return text + "\n";
}

std::string_view first_word(std::string_view name) {
  return name.substr(0, name.find(' '));
}

// A command's options stand before its subcommand.
std::string synopsis(const command_spec& command) {
  const std::string_view first = first_word(command.name);
  std::string text = "wal-e [GLOBAL OPTIONS] " + std::string(first) + " [OPTIONS]" +
                     std::string(command.name.substr(first.size()));
  if (!command.subcommands.empty()) text += " SUBCOMMAND";
  for (const operand_spec& o : command.operands)
    text += o.required ? " " + std::string(o.name) : " [" + std::string(o.name) + "]";
  return text;
}

std::string subcommands_text(const command_spec& command) {
  if (command.subcommands.empty()) return {};
  std::string text = "\nSubcommands:\n";
  for (const command_spec& s : command.subcommands) {
    std::string name = "  " + std::string(s.name.substr(command.name.size() + 1));
    for (const operand_spec& o : s.operands)
      name += " " + std::string(o.name);
    text += padded(std::move(name), help_column) + std::string(s.summary) + "\n";
  }
  return text;
}

std::string command_help(const command_spec& command) {
  std::string text = "Purpose: " + std::string(command.summary) + ".\n";
  text += subcommands_text(command) + options_text("Options", command.options);
  const std::string_view parent = first_word(command.name);
  if (parent.size() < command.name.size())
    text += options_text(
        "Options of " + std::string(parent) + ", before the subcommand",
        find_command(parent)->options);
  text += "\nExit status:\n" + indented(command.exit_status);
  text += "\nExamples:\n" + indented(command.example);
  return text + "\n`wal-e --help` has the global options, man wal-e everything.\n";
}

std::string program_help() {
  std::string text = "Continuous archiving of PostgreSQL to object stores.\n\nCommands:\n";
  for (const command_spec& c : commands())
    text += padded("  " + std::string(c.name), 16) + std::string(c.summary) + "\n";
  text += options_text("Global options, before the command", global_options());
  text += "\nAn option beats the environment variable in [brackets].\n"
          "\nExamples:\n" +
          indented("wal-e --file-prefix file://localhost/mnt/backup/main backup-list\n"
                   "envdir /etc/wal-e.d/env wal-e backup-push /var/lib/postgresql/15/main");
  return text + "\n`wal-e COMMAND --help` has the options of a command, man wal-e everything.\n";
}

} // namespace

std::string usage_text(const command_spec* command) {
  return "usage: " +
         (command ? synopsis(*command)
                  : std::string("wal-e [GLOBAL OPTIONS] COMMAND [OPTIONS] [OPERANDS]")) +
         "\n";
}

std::string help_text(const command_spec* command) {
  return usage_text(command) + "\n" + (command ? command_help(*command) : program_help());
}

} // namespace wale::command
