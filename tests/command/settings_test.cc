#include "settings.hpp"
#include "support/captured_stderr.hpp"

#include <wale/base/error.hpp>

#include <catch2/catch.hpp>

#include <stdlib.h>
#include <syslog.h>

using namespace wale;
using namespace wale::command;

namespace {

// A variable for the time of a test, and no other that the program might have been given.
class variable {
public:
  variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;
  ~variable() { ::unsetenv(name_); }

private:
  const char* name_;
};

constexpr const char* prefix_variables[]{
    "WALE_FILE_PREFIX",
    "WALE_GS_PREFIX",
    "WALE_S3_PREFIX",
    "WALE_SWIFT_PREFIX",
    "WALE_WABS_PREFIX"};
constexpr const char* prefix_options[]{"file-prefix", "gs-prefix", "s3-prefix", "wabs-prefix"};

void forget_all() {
  for (const char* name : prefix_variables)
    ::unsetenv(name);
  for (const char* name :
       {"WALE_GPG_KEY_ID", "WALE_LOG_DESTINATION", "WALE_SYSLOG_FACILITY", "WALE_LOG_FORMAT"})
    ::unsetenv(name);
}

option_values given(const std::string& option, const std::string& value) {
  return {{option, value}};
}

} // namespace

TEST_CASE("any prefix of an option beats any of the environment") {
  forget_all();
  for (const char* option : prefix_options)
    for (const char* name : prefix_variables) {
      const variable set(name, "s3://of/the-environment");
      CHECK(storage_prefix(given(option, "gs://of/an-option")) == "gs://of/an-option");
      CHECK(storage_prefix(given(option, "")) == "s3://of/the-environment");
    }
}

// Files that were made by echo, or on Windows; envdir takes blanks and tabs away by itself.
TEST_CASE("a value loses the line ends behind it, and nothing else") {
  forget_all();
  const std::pair<const char*, const char*> values[]{
      {"one\n", "one"},
      {"one\r\n\n", "one"},
      {" one \t", " one \t"},
      {"o\nne", "o\nne"},
      {"\none", "\none"},
      {" ", " "},
      {"\r\n", ""}};
  for (const auto& [value, expected] : values) {
    const variable set("WALE_GPG_KEY_ID", value);
    CHECK(environment("WALE_GPG_KEY_ID") == expected);
  }
  CHECK(environment("WALE_GPG_KEY_ID").empty());
}

// Contract of WAL-E: alphabetical, the first that is not empty.
TEST_CASE("prefixes count in the order of their names") {
  forget_all();
  CHECK_THROWS_AS(storage_prefix({}), failure);
  option_values options;
  for (auto option = std::rbegin(prefix_options); option != std::rend(prefix_options); ++option) {
    options[*option] = *option;
    CHECK(storage_prefix(options) == *option);
  }
  for (const char* name : prefix_variables)
    ::setenv(name, name, 1);
  for (const char* name : prefix_variables) {
    CHECK(storage_prefix({}) == name);
    ::setenv(name, "", 1);
  }
  CHECK_THROWS_AS(storage_prefix({}), failure);
  forget_all();
}

TEST_CASE("the key id of an option beats that of the environment; empty is not set") {
  forget_all();
  CHECK(gpg_key_id({}).empty());
  const variable set("WALE_GPG_KEY_ID", "of-environment\n");
  CHECK(gpg_key_id({}) == "of-environment");
  CHECK(gpg_key_id(given("gpg-key-id", "of-option")) == "of-option");
  CHECK(gpg_key_id(given("gpg-key-id", "")) == "of-environment");
  const variable empty("WALE_GPG_KEY_ID", "");
  CHECK(gpg_key_id({}).empty());
}

TEST_CASE("--log-format beats WALE_LOG_FORMAT, and only an option can be a mistake") {
  forget_all();
  CHECK(log_destinations({}).form == log::format::text);
  CHECK(log_destinations(given("log-format", "json")).form == log::format::json);
  {
    const variable set("WALE_LOG_FORMAT", "json");
    CHECK(log_destinations({}).form == log::format::json);
    CHECK(log_destinations(given("log-format", "text")).form == log::format::text);
  }
  const variable wrong("WALE_LOG_FORMAT", "JSON");
  CHECK(log_destinations({}).form == log::format::text);
  CHECK_THROWS_AS(log_destinations(given("log-format", "xml")), failure);
  CHECK_THROWS_AS(log_destinations(given("log-format", "")), failure);
}

TEST_CASE("destination, facility and --terse") {
  forget_all();
  const log::destinations usual = log_destinations({});
  CHECK((usual.to_stderr && usual.to_syslog && usual.facility == LOG_USER));
  CHECK(usual.least == log::level::info);
  CHECK(log_destinations(given("terse", "true")).least == log::level::warning);
  const variable facility("WALE_SYSLOG_FACILITY", "Local7");
  CHECK(log_destinations({}).facility == LOG_LOCAL7);
  const variable nowhere("WALE_LOG_DESTINATION", "");
  const log::destinations none = log_destinations({});
  CHECK_FALSE((none.to_stderr || none.to_syslog));
}

TEST_CASE("log settings that are not understood are told, and WAL-E's default is used") {
  forget_all();
  const variable facility("WALE_SYSLOG_FACILITY", "local0,x");
  const variable form("WALE_LOG_FORMAT", "yaml");
  CHECK(log_destinations({}).facility == LOG_USER);
  const test::captured_stderr captured;
  log::destinations to = log::configured();
  warn_of_log_settings();
  // Nobody uses the facility.
  CHECK(captured.text().find("syslog") == std::string::npos);
  CHECK(
      captured.text().find("WARNING  MSG: WALE_LOG_FORMAT is not understood") != std::string::npos);
  to.to_syslog = true;
  to.syslog_sockets = {};
  to.form = log::format::json;
  log::configure(to);
  warn_of_log_settings();
  CHECK(
      captured.text().find("\"msg\": \"invalid syslog facility level specified\"") !=
      std::string::npos);
}
