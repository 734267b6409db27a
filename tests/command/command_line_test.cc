#include <wale/base/error.hpp>
#include <wale/command/command_line.hpp>

#include <catch2/catch.hpp>

#include <algorithm>

using namespace wale;
using namespace wale::command;

namespace {

using words = std::vector<std::string>;

explanation complaint(const words& arguments) {
  try {
    parse_command_line(arguments);
  } catch (const failure& f) {
    CHECK(f.why() == kind::usage);
    return f.text();
  }
  return {"none", "none", "none"};
}

std::string complaint_about(const words& arguments) {
  return complaint(arguments).detail;
}

} // namespace

TEST_CASE("global options, the command, its options and operands") {
  const command_line line = parse_command_line(
      {"--terse", "--file-prefix", "file:///a", "wal-fetch", "-p", "0", "SEG", "DEST"});
  REQUIRE(line.command);
  CHECK(line.command->name == "wal-fetch");
  CHECK(line.global.at("file-prefix") == "file:///a");
  CHECK(line.global.contains("terse"));
  CHECK(line.number("prefetch", 0) == 0);
  CHECK(line.operands == words{"SEG", "DEST"});
}

TEST_CASE("options and operands of a command mix freely") {
  const command_line line =
      parse_command_line({"backup-fetch", "/d", "--overwrite", "LATEST", "-p8"});
  CHECK(line.operands == words{"/d", "LATEST"});
  CHECK(line.has("overwrite"));
  CHECK(line.number("pool-size", 1) == 8);
}

TEST_CASE("long options may be abbreviated as long as they are unambiguous") {
  const command_line line = parse_command_line({"--file", "file:///a", "backup-list", "--det"});
  CHECK(line.global.at("file-prefix") == "file:///a");
  CHECK(line.has("detail"));
  CHECK(
      parse_command_line({"--ter", "--file-p=file:///a", "backup-list"}).global.contains("terse"));
  CHECK(
      complaint_about({"--aws", "backup-list"}).starts_with("ambiguous option: --aws could match"));
}

TEST_CASE("defaults are WAL-E's") {
  CHECK(parse_command_line({"backup-push", "/d"}).number("pool-size", 1) == 4);
  CHECK(parse_command_line({"backup-fetch", "/d", "LATEST"}).number("pool-size", 1) == 4);
  CHECK(parse_command_line({"wal-push", "x"}).number("pool-size", 1) == 32);
  CHECK(parse_command_line({"wal-fetch", "x", "y"}).number("prefetch", 0) == 8);
}

TEST_CASE("after -- everything is an operand") {
  CHECK(parse_command_line({"wal-push", "--", "-odd"}).operands == words{"-odd"});
}

TEST_CASE("a subcommand follows its command's options") {
  const command_line line = parse_command_line({"delete", "-n", "--conf", "retain", "3"});
  CHECK(line.command->name == "delete");
  REQUIRE(line.subcommand);
  CHECK(line.subcommand->name == "delete retain");
  CHECK((line.has("dry-run") && line.has("confirm")));
  CHECK(line.operands == words{"3"});
  CHECK(parse_command_line({"delete", "everything"}).subcommand->operands.empty());
  CHECK(parse_command_line({"delete", "--help"}).subcommand == nullptr);
  CHECK(parse_command_line({"delete", "before", "--help"}).has("help"));
  CHECK(parse_command_line({"backup-list"}).subcommand == nullptr);
}

TEST_CASE("a subcommand that is wrong or missing, or an option in the wrong place") {
  CHECK(complaint_about({"delete"}).starts_with("missing: one of delete before, "));
  CHECK(complaint_about({"delete", "--confirm"}).starts_with("missing: one of "));
  CHECK(complaint_about({"delete", "all"}) == "there is no \"delete all\"");
  CHECK(
      complaint_about({"delete", "retain", "1", "--confirm"}) == "unrecognized option: --confirm");
  CHECK(complaint_about({"--confirm", "delete", "everything"}) == "unrecognized option: --confirm");
  CHECK(complaint_about({"delete", "before"}) == "missing: BEFORE_SEGMENT_EXCLUSIVE");
  CHECK(complaint_about({"delete", "everything", "x"}) == "unexpected: x");
}

TEST_CASE("the hint says where an option belongs that stands elsewhere") {
  const auto hint = [](const words& arguments) { return complaint(arguments).hint; };
  CHECK(
      hint({"backup-list", "--terse"}) ==
      "--terse is a global option: it stands before the command.");
  const std::string confirm =
      "--confirm is an option of delete: it stands behind the command, before a subcommand.";
  CHECK(hint({"delete", "retain", "7", "--confirm"}) == confirm);
  CHECK(hint({"--confirm", "delete", "retain", "7"}) == confirm);
  CHECK(hint({"--pool-size=2", "wal-push", "x"})
            .starts_with("--pool-size is an option of backup-push, backup-fetch, wal-push:"));
  CHECK(hint({"backup-list", "--detial"}).empty());
}

TEST_CASE("how many to retain is a number of at least 1") {
  for (const char* text : {"0", "-1", "-25", "x", "1x", "", "1.5", "99999999999"})
    CHECK(
        complaint_about({"delete", "retain", text}) ==
        "NUM_TO_RETAIN is a whole number of at least 1, not \"" + std::string(text) + "\"");
}

TEST_CASE("a number with a minus is no option") {
  CHECK(parse_command_line({"wal-push", "-1"}).operands == words{"-1"});
  CHECK(parse_command_line({"wal-push", "-p", "-1", "x"}).options.at("pool-size") == "-1");
}

TEST_CASE("times are hours unless they have a unit") {
  const auto grace = [](const std::string& text) {
    return parse_command_line({"delete", "--grace=" + text, "everything"}).time("grace").count();
  };
  CHECK(parse_command_line({"delete", "everything"}).time("grace") == std::chrono::hours(24));
  CHECK(grace("0") == 0);
  CHECK(grace("2") == 7200);
  CHECK(grace("90s") == 90);
  CHECK(grace("90m") == 5400);
  CHECK(grace("1h") == 3600);
  CHECK(grace("2d") == 172800);
  for (const char* text : {"", "h", "-1", "1w", "1.5h", "24 h", "99999d", "999999999h"})
    CHECK_THROWS_AS(grace(text), failure);
}

TEST_CASE("what is not understood is said") {
  CHECK(complaint_about({"wal-psuh", "x"}) == "there is no command \"wal-psuh\"");
  CHECK(complaint_about({"--nope", "wal-push", "x"}) == "unrecognized option: --nope");
  CHECK(
      complaint_about({"wal-push", "--file-prefix=x", "y"}) ==
      "unrecognized option: --file-prefix");
  CHECK(complaint_about({"wal-push"}) == "missing: WAL_SEGMENT");
  CHECK(complaint_about({"wal-push", "a", "b"}) == "unexpected: b");
  CHECK(complaint_about({"--terse=yes", "wal-push", "a"}) == "--terse takes no value");
  CHECK(complaint_about({"wal-push", "--pool-size"}) == "--pool-size needs a value");
  CHECK(complaint_about({"-k", "A", "--aws-instance-profile", "version"}) != "none");
  CHECK(complaint_about({"wal-push", "-x", "a"}) != "none");
}

TEST_CASE("numbers are whole, not negative and of a sane size") {
  for (const char* text : {"0", "-1", "x", "1x", "99999999999"}) {
    const command_line line = parse_command_line({"backup-push", std::string("-p") + text, "/d"});
    CHECK_THROWS_AS(line.number("pool-size", 1), failure);
  }
}

TEST_CASE("no command is no error of the grammar") {
  CHECK(parse_command_line({}).command == nullptr);
  CHECK(parse_command_line({"--help"}).global.contains("help"));
}

namespace {

// What follows an option so that the rest of the line is right.
words with_value(const std::string& spelling, const option_spec& o) {
  if (o.argument.empty()) return {spelling};
  return {spelling, "1"};
}

// The prefixes of an option's name that no other option of the command has, the whole name among
// them though another option may go on from it.
void check_prefixes(std::span<const option_spec> known, const words& before, bool is_global) {
  for (const option_spec& o : known)
    for (std::size_t length = 1; length <= o.name.size(); ++length) {
      const std::string_view prefix = o.name.substr(0, length);
      const auto others = std::ranges::count_if(
          known, [prefix](const option_spec& other) { return other.name.starts_with(prefix); });
      const bool is_clear = others == 1 || length == o.name.size();
      words line = before;
      for (const std::string& word : with_value("--" + std::string(prefix), o))
        line.push_back(word);
      CAPTURE(line);
      if (!is_clear) {
        CHECK(complaint_about(line).starts_with("ambiguous option: --" + std::string(prefix)));
        continue;
      }
      // Operands may be missing, but the option was understood.
      line.push_back(is_global ? "version" : "--help");
      const command_line parsed = parse_command_line(line);
      CHECK((is_global ? parsed.global : parsed.options).contains(o.name));
    }
}

} // namespace

TEST_CASE("every unambiguous prefix of every option is understood, and no other") {
  check_prefixes(global_options(), {}, true);
  for (const command_spec& c : commands())
    check_prefixes(c.options, {std::string(c.name)}, false);
}

TEST_CASE("a value may follow an option in all of WAL-E's ways, and the last one counts") {
  for (const words& p :
       {words{"-p8"},
        words{"-p=8"},
        words{"-p", "8"},
        words{"--pool-size", "8"},
        words{"--pool-size=8"},
        words{"--pool", "8"},
        words{"-p", "2", "--pool=8"}}) {
    words line{"wal-push"};
    line.insert(line.end(), p.begin(), p.end());
    line.push_back("x");
    CAPTURE(line);
    CHECK(parse_command_line(line).number("pool-size", 1) == 8);
    CHECK(parse_command_line(line).operands == words{"x"});
  }
  CHECK(parse_command_line({"-kID", "version"}).global.at("aws-access-key-id") == "ID");
  CHECK(parse_command_line({"-a=ID", "version"}).global.at("wabs-account-name") == "ID");
  CHECK(parse_command_line({"-k/+=", "version"}).global.at("aws-access-key-id") == "/+=");
  CHECK(parse_command_line({"-a", "ID", "version"}).global.at("wabs-account-name") == "ID");
}
