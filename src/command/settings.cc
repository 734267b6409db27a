// The environment, read in one place.
#include "settings.hpp"

#include <wale/base/error.hpp>

#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace wale::command {
namespace {

std::optional<log::format> parse_format(std::string_view name) {
  if (name == "text") return log::format::text;
  if (name == "json") return log::format::json;
  return std::nullopt;
}

log::format log_format(const option_values& global) {
  const auto option = global.find("log-format");
  if (option == global.end())
    return parse_format(environment("WALE_LOG_FORMAT")).value_or(log::format::text);
  if (const auto form = parse_format(option->second)) return *form;
  throw failure(
      kind::usage,
      "the command line was not understood",
      "--log-format is \"text\" or \"json\", not \"" + option->second + "\".");
}

} // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value ? value : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  return text;
}

std::string storage_prefix(const option_values& global) {
  for (const char* option : {"file-prefix", "gs-prefix", "s3-prefix", "wabs-prefix"})
    if (const auto found = global.find(option); found != global.end() && !found->second.empty())
      return found->second;
  for (const char* variable :
       {"WALE_FILE_PREFIX",
        "WALE_GS_PREFIX",
        "WALE_S3_PREFIX",
        "WALE_SWIFT_PREFIX",
        "WALE_WABS_PREFIX"})
    if (std::string value = environment(variable); !value.empty()) return value;

  throw failure(
      kind::configuration,
      "no storage prefix defined",
      "Neither an option nor the environment says where the archive is.",
      "Either set one of the --file-prefix, --gs-prefix, --s3-prefix or --wabs-prefix options or "
      "define one of the WALE_FILE_PREFIX, WALE_GS_PREFIX, WALE_S3_PREFIX, WALE_SWIFT_PREFIX or "
      "WALE_WABS_PREFIX environment variables.");
}

std::string gpg_key_id(const option_values& global) {
  if (const auto found = global.find("gpg-key-id"); found != global.end() && !found->second.empty())
    return found->second;
  return environment("WALE_GPG_KEY_ID");
}

log::destinations log_destinations(const option_values& global) {
  log::destinations d;
  if (std::getenv("WALE_LOG_DESTINATION"))
    log::parse_destination(environment("WALE_LOG_DESTINATION"), d);
  const int facility = log::parse_facility(environment("WALE_SYSLOG_FACILITY"));
  if (facility >= 0) d.facility = facility;
  d.form = log_format(global);
  if (global.contains("terse")) d.least = log::level::warning;
  return d;
}

void warn_of_log_settings() {
  const log::destinations& d = log::configured();
  const std::string facility = environment("WALE_SYSLOG_FACILITY");
  if (d.to_syslog && std::getenv("WALE_SYSLOG_FACILITY") && log::parse_facility(facility) < 0) {
    if (d.form == log::format::text)
      log::write_plain("invalid syslog facility level specified\n"); // WAL-E's line
    else
      log::warning(
          "wal_e.main",
          {"invalid syslog facility level specified",
           "WALE_SYSLOG_FACILITY is \"" + facility + "\", user is used.",
           "Set it to one name, such as user, daemon or local0."});
  }
  const std::string form = environment("WALE_LOG_FORMAT");
  if (!form.empty() && !parse_format(form))
    log::warning(
        "wal_e.main",
        {"WALE_LOG_FORMAT is not understood",
         "It is \"" + form + "\".",
         "Set it to text or json."});
}

} // namespace wale::command
