#pragma once
// Settings from the environment, and what overrides them.

#include <wale/base/log.hpp>
#include <wale/command/command_line.hpp>

#include <string>

namespace wale::command {

/// The first that is not empty of --file-prefix, --gs-prefix, --s3-prefix, --wabs-prefix, then
/// WALE_FILE_PREFIX, WALE_GS_PREFIX, WALE_S3_PREFIX, WALE_SWIFT_PREFIX, WALE_WABS_PREFIX.
/// Throws kind::configuration if there is none.
std::string storage_prefix(const option_values& global);

/// --gpg-key-id, else WALE_GPG_KEY_ID; empty if neither is set.
std::string gpg_key_id(const option_values& global);

/// WALE_LOG_DESTINATION, WALE_SYSLOG_FACILITY, --log-format, else WALE_LOG_FORMAT, and --terse.
/// Unusable values in the environment count as not set: they never keep WAL from being archived.
/// Throws kind::usage for an unusable --log-format.
log::destinations log_destinations(const option_values& global);

/// Says what log_destinations() did not understand, once the log is configured.
void warn_of_log_settings();

/// A variable without CR and LF at its end (files of an envdir have them); empty if it is not set.
std::string environment(const char* name);

} // namespace wale::command
