// Splitting at the command and expanding abbreviations is ours, the rest is cxxopts'.
#include <wale/base/error.hpp>
#include <wale/command/command_line.hpp>

#include <cxxopts.hpp>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

namespace wale::command {
namespace {

using arguments = std::vector<std::string>;

failure usage_error(std::string detail) {
  return failure(kind::usage, "the command line was not understood", std::move(detail));
}

// cxxopts 3.1 takes only whole names, WAL-E's users are used to prefixes.
const option_spec& expand(std::string_view given, std::span<const option_spec> known) {
  const option_spec* match = nullptr;
  std::string candidates;
  for (const option_spec& o : known) {
    if (o.name == given) return o;
    if (!o.name.starts_with(given)) continue;
    candidates += (match ? ", --" : "--") + std::string(o.name);
    match = candidates.find(',') == std::string::npos ? &o : match;
  }
  if (!match) throw usage_error("unrecognized option: --" + std::string(given));
  if (candidates.find(',') != std::string::npos)
    throw usage_error("ambiguous option: --" + std::string(given) + " could match " + candidates);
  return *match;
}

const option_spec* find_letter(char letter, std::span<const option_spec> known) {
  const auto found = std::ranges::find(known, letter, &option_spec::letter);
  return found == known.end() ? nullptr : &*found;
}

// Whether a cluster of short options such as `-p` wants the next argument as its value.
bool wants_next(std::string_view letters, std::span<const option_spec> known) {
  for (std::size_t i = 0; i < letters.size(); ++i)
    if (const option_spec* o = find_letter(letters[i], known); o && !o->argument.empty())
      return i + 1 == letters.size();
  return false;
}

// Copies options from `in`, starting at `at`, with their names in full. Stops before the first
// operand if `stop_at_operand`; returns where it stopped.
std::size_t take_options(
    const arguments& in,
    std::size_t at,
    std::span<const option_spec> known,
    bool stop_at_operand,
    arguments& out) {
  while (at < in.size()) {
    const std::string& a = in[at];
    if (a == "--") {
      out.insert(out.end(), in.begin() + static_cast<std::ptrdiff_t>(at), in.end());
      return in.size();
    }
    const bool is_long = a.starts_with("--");
    const bool is_short = !is_long && a.size() > 1 && a[0] == '-';
    if (!is_long && !is_short && stop_at_operand) return at;
    ++at;
    if (is_short) {
      out.push_back(a);
      if (wants_next(std::string_view(a).substr(1), known) && at < in.size())
        out.push_back(in[at++]);
      continue;
    }
    if (!is_long) {
      out.push_back(a);
      continue;
    }
    const std::size_t equals = a.find('=');
    const option_spec& o = expand(std::string_view(a).substr(2, equals - 2), known);
    if (o.argument.empty() && equals != std::string::npos)
      throw usage_error("--" + std::string(o.name) + " takes no value");
    if (equals != std::string::npos) {
      out.push_back("--" + std::string(o.name) + a.substr(equals));
    } else if (o.argument.empty()) {
      out.push_back("--" + std::string(o.name));
    } else {
      if (at == in.size()) throw usage_error("--" + std::string(o.name) + " needs a value");
      out.push_back("--" + std::string(o.name) + "=" + in[at++]);
    }
  }
  return at;
}

void add_options(cxxopts::Options& parser, std::span<const option_spec> known) {
  auto add = parser.add_options();
  for (const option_spec& o : known) {
    const std::string name =
        (o.letter ? std::string(1, o.letter) + "," : std::string()) + std::string(o.name);
    if (o.argument.empty()) {
      add(name, std::string(o.help));
      continue;
    }
    auto value = cxxopts::value<std::string>();
    if (!o.fallback.empty()) value->default_value(std::string(o.fallback));
    add(name, std::string(o.help), value, std::string(o.argument));
  }
}

option_values values_of(const cxxopts::ParseResult& parsed, std::span<const option_spec> known) {
  option_values values;
  for (const option_spec& o : known) {
    const std::string name(o.name);
    if (parsed.count(name) > 1 && !o.argument.empty())
      values[name] = parsed[name].as<std::string>();
    else if (parsed.count(name) > 0)
      values[name] = o.argument.empty() ? "true" : parsed[name].as<std::string>();
    else if (!o.fallback.empty())
      values[name] = std::string(o.fallback);
  }
  return values;
}

option_values parse(
    const arguments& options,
    std::span<const option_spec> known,
    std::vector<std::string>& operands) {
  cxxopts::Options parser("wal-e");
  add_options(parser, known);
  parser.add_options()("operands", "", cxxopts::value<std::vector<std::string>>());
  parser.parse_positional({"operands"});
  std::vector<const char*> argv{"wal-e"};
  for (const std::string& a : options)
    argv.push_back(a.c_str());
  try {
    const cxxopts::ParseResult parsed = parser.parse(static_cast<int>(argv.size()), argv.data());
    if (parsed.count("operands")) operands = parsed["operands"].as<std::vector<std::string>>();
    return values_of(parsed, known);
  } catch (const cxxopts::exceptions::exception& e) {
    throw usage_error(e.what());
  }
}

void check_operands(const command_line& line) {
  const auto& specs = line.command->operands;
  for (std::size_t i = line.operands.size(); i < specs.size(); ++i)
    if (specs[i].required) throw usage_error("missing: " + std::string(specs[i].name));
  if (line.operands.size() > specs.size())
    throw usage_error("unexpected: " + line.operands[specs.size()]);
}

std::string describe(const option_spec& o) {
  std::string text = "  ";
  text += o.letter ? std::string("-") + o.letter + ", " : "    ";
  text += "--" + std::string(o.name);
  if (!o.argument.empty()) text += " " + std::string(o.argument);
  constexpr std::size_t column = 34;
  text += text.size() + 1 < column ? std::string(column - text.size(), ' ')
                                   : "\n" + std::string(column, ' ');
  text += o.help;
  if (!o.fallback.empty()) text += " (" + std::string(o.fallback) + ")";
  return text + "\n";
}

} // namespace

unsigned long command_line::number(std::string_view option, unsigned long least) const {
  const auto found = options.find(option);
  const std::string& text = found == options.end() ? std::string() : found->second;
  unsigned long n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < least || n > 1'000'000'000)
    throw usage_error(
        "--" + std::string(option) + " needs a whole number of at least " + std::to_string(least) +
        ", not \"" + text + "\"");
  return n;
}

command_line parse_command_line(const arguments& in) {
  command_line line;
  arguments out;
  const std::size_t at = take_options(in, 0, global_options(), true, out);
  std::vector<std::string> none;
  line.global = parse(out, global_options(), none);
  if (line.global.contains("aws-access-key-id") && line.global.contains("aws-instance-profile"))
    throw usage_error("--aws-instance-profile is not allowed together with --aws-access-key-id");
  if (at == in.size()) return line;

  line.command = find_command(in[at]);
  if (!line.command) throw usage_error("there is no command \"" + in[at] + "\"");
  out.clear();
  take_options(in, at + 1, line.command->options, false, out);
  line.options = parse(out, line.command->options, line.operands);
  if (!line.has("help") && !line.global.contains("help")) check_operands(line);
  return line;
}

std::string usage_text(const command_spec* command) {
  std::string text = "usage: wal-e [GLOBAL OPTIONS] ";
  if (!command) return text + "COMMAND [OPTIONS] [OPERANDS]\n";
  text += std::string(command->name) + " [OPTIONS]";
  for (const operand_spec& o : command->operands)
    text += o.required ? " " + std::string(o.name) : " [" + std::string(o.name) + "]";
  return text + "\n";
}

std::string help_text(const command_spec* command) {
  std::string text = usage_text(command) + "\n";
  if (command) {
    text += "Purpose: " + std::string(command->summary) + ".\n\nOptions:\n";
    for (const option_spec& o : command->options)
      text += describe(o);
    return text + "\nExample:\n  " + std::string(command->example) + "\n";
  }
  text += "Continuous archiving of PostgreSQL to object stores.\n\nCommands:\n";
  for (const command_spec& c : commands())
    text += "  " + std::string(c.name) + std::string(14 - c.name.size(), ' ') +
            std::string(c.summary) + "\n";
  text += "\nGlobal options, before the command:\n";
  for (const option_spec& o : global_options())
    text += describe(o);
  return text + "\n`wal-e COMMAND --help` has the options of a command, man wal-e everything.\n";
}

} // namespace wale::command
