#include "support/captured_stderr.hpp"
#include "variables.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>

using namespace wale;
using namespace wale::command;

namespace {

using names = std::vector<std::string>;

} // namespace

TEST_CASE("only what begins with WALE_ and is in no table is unknown") {
  const std::array<const char*, 9> environment{
      "PATH=/bin",
      "WALE_GPG_KEYID=x",
      "WALE_S3_PREFIX=s3://a/b",
      "WALE_",
      "WALE_S3_PREFIX2",
      "wale_terse=1",
      "XWALE_Y=1",
      "WALE_EMPTY=",
      nullptr};
  CHECK(
      unknown_settings(environment.data()) ==
      names{"WALE_GPG_KEYID", "WALE_", "WALE_S3_PREFIX2", "WALE_EMPTY"});
  const std::array<const char*, 1> nothing{nullptr};
  CHECK(unknown_settings(nothing.data()).empty());
}

TEST_CASE("every variable of the table is known, and is there once") {
  std::vector<std::string_view> all(known_variables().begin(), known_variables().end());
  std::ranges::sort(all);
  CHECK(std::ranges::adjacent_find(all) == all.end());
  for (const std::string_view name : all) {
    const std::string setting = std::string(name) + "=1";
    const std::array<const char*, 2> environment{setting.c_str(), nullptr};
    CHECK(unknown_settings(environment.data()).empty());
  }
}

TEST_CASE("the nearest setting is that of the fewest edits") {
  CHECK(nearest_setting("WALE_GPG_KEYID") == "WALE_GPG_KEY_ID");
  CHECK(nearest_setting("WALE_S3_PREFX") == "WALE_S3_PREFIX");
  CHECK(nearest_setting("WALE_SYSLOGFACILITY") == "WALE_SYSLOG_FACILITY");
  CHECK(nearest_setting("WALE_RETRY") == "WALE_RETRIES");
  CHECK(nearest_setting("WALE_" + std::string(100'000, 'x')).starts_with("WALE_"));
}

TEST_CASE("each unknown setting is a warning that does not show its value") {
  const test::captured_stderr captured;
  const std::array<const char*, 3> environment{"WALE_GPG_KEYID=s3cr3t", "WALE_RETRIES=1", nullptr};
  warn_of_unknown_settings(environment.data());
  const std::string text = captured.text();
  CHECK(text.starts_with("wal_e.main   WARNING  MSG: a setting in the environment is not known\n"));
  CHECK(text.find("DETAIL: WALE_GPG_KEYID has no effect.") != std::string::npos);
  CHECK(text.find("HINT: The nearest that wal-e knows is WALE_GPG_KEY_ID;") != std::string::npos);
  CHECK(text.find("s3cr3t") == std::string::npos);
  CHECK(text.find("MSG", text.find("MSG") + 1) == std::string::npos);
}
