#include <wale/command/help.hpp>

#include <catch2/catch.hpp>

using namespace wale::command;

namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Every line of the table's, as they stand in the help.
bool has_lines(const std::string& text, std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    if (!has(text, "\n  " + std::string(line) + "\n")) return false;
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
  }
  return true;
}

} // namespace

TEST_CASE("the program's help shows every command, and the global options") {
  const std::string text = help_text(nullptr);
  for (const command_spec& c : commands())
    CHECK(has(text, "\n  " + std::string(c.name) + " "));
  for (const option_spec& o : global_options()) {
    CHECK(has(text, "--" + std::string(o.name)));
    if (!o.variable.empty()) CHECK(has(text, " [" + std::string(o.variable) + "]\n"));
  }
  CHECK(has(text, "\nExamples:\n  wal-e "));
}

TEST_CASE("a command's help shows its options with their defaults, exit status and examples") {
  for (const command_spec& c : commands()) {
    const std::string text = help_text(&c);
    CHECK(text.starts_with("usage: wal-e [GLOBAL OPTIONS] " + std::string(c.name) + " [OPTIONS]"));
    for (const option_spec& o : c.options) {
      CHECK(has(text, "--" + std::string(o.name)));
      if (!o.fallback.empty()) CHECK(has(text, " (default " + std::string(o.fallback) + ")"));
    }
    CHECK(has_lines(text, c.exit_status));
    CHECK(has_lines(text, c.example));
    CHECK(has(text, "wal-e"));
  }
}

TEST_CASE("a subcommand's help shows its command's options too, and where they stand") {
  const command_spec& command = *find_command("delete");
  const std::string text = help_text(&command);
  CHECK(has(text, "\n  before BEFORE_SEGMENT_EXCLUSIVE "));
  const std::string own = help_text(find_subcommand(command, "retain"));
  CHECK(own.starts_with("usage: wal-e [GLOBAL OPTIONS] delete [OPTIONS] retain NUM_TO_RETAIN\n"));
  CHECK(has(own, "Options of delete, before the subcommand:\n"));
  CHECK(has(own, "--confirm"));
}

TEST_CASE("what is long moves to a line of its own, so that columns stay") {
  CHECK(
      has(help_text(find_command("delete")),
          "  before BEFORE_SEGMENT_EXCLUSIVE remove the backups and WAL"));
  const std::string text = help_text(nullptr);
  CHECK(has(text, "  -a, --wabs-account-name NAME    Azure account [WABS_ACCOUNT_NAME]\n"));
}
