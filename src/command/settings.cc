// The environment, read in one place.
#include "settings.hpp"

#include <wale/base/error.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace wale::command {

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
  if (const char* name = std::getenv("WALE_SYSLOG_FACILITY"); name && d.to_syslog) {
    const int facility = log::parse_facility(environment("WALE_SYSLOG_FACILITY"));
    if (facility >= 0)
      d.facility = facility;
    else
      std::fputs("invalid syslog facility level specified\n", stderr);
  }
  if (global.contains("terse")) d.least = log::level::warning;
  return d;
}

} // namespace wale::command
