// The table, and what is not in it.
#include "variables.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view setting_prefix = "WALE_";

// tests/lint/test_variables.py reads this table.
constexpr auto known = std::to_array<std::string_view>({
    // wal-e's own
    "WALE_403_IS_ABSENT",
    "WALE_CA_FILE",
    "WALE_CONNECT_TIMEOUT",
    "WALE_EXCHANGE_TIMEOUT",
    "WALE_FILE_PREFIX",
    "WALE_FIRST_BYTE_TIMEOUT",
    "WALE_GPG_KEY_ID",
    "WALE_GS_ENDPOINT",
    "WALE_GS_PREFIX",
    "WALE_IDLE_TIMEOUT",
    "WALE_IMDS_V1",
    "WALE_IO",
    "WALE_LOG_DESTINATION",
    "WALE_LOG_FORMAT",
    "WALE_RETRIES",
    "WALE_S3_CHECKSUM",
    "WALE_S3_CONDITIONAL_WRITES",
    "WALE_S3_ENDPOINT",
    "WALE_S3_LIST_VERSION",
    "WALE_S3_PREFIX",
    "WALE_S3_SSE",
    "WALE_S3_SSE_CUSTOMER_KEY",
    "WALE_S3_SSE_KMS_KEY_ID",
    "WALE_S3_STORAGE_CLASS",
    "WALE_S3_UNSIGNED_PAYLOAD",
    "WALE_S3_VIRTUAL_HOSTS",
    "WALE_SWIFT_PREFIX",
    "WALE_SYSLOG_FACILITY",
    "WALE_TLS_TIMEOUT",
    "WALE_WABS_ENDPOINT",
    "WALE_WABS_MANAGED_IDENTITY",
    "WALE_WABS_PREFIX",
#ifdef WALE_FAILPOINTS
    "WALE_FAILPOINT",
    "WALE_FAILPOINT_COUNT",
#endif
    // Amazon
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_INSTANCE_PROFILE",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    // Azure
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_TENANT_ID",
    "WABS_ACCESS_KEY",
    "WABS_ACCOUNT_NAME",
    "WABS_SAS_TOKEN",
    // Google
    "CLOUDSDK_CONFIG",
    "GCE_METADATA_HOST",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "STORAGE_EMULATOR_HOST",
    // OpenStack Swift
    "SWIFT_APPLICATION_CREDENTIAL_ID",
    "SWIFT_APPLICATION_CREDENTIAL_NAME",
    "SWIFT_APPLICATION_CREDENTIAL_SECRET",
    "SWIFT_AUTHURL",
    "SWIFT_AUTH_VERSION",
    "SWIFT_DOMAIN_ID",
    "SWIFT_DOMAIN_NAME",
    "SWIFT_ENDPOINT_TYPE",
    "SWIFT_PASSWORD",
    "SWIFT_PROJECT_DOMAIN_ID",
    "SWIFT_PROJECT_DOMAIN_NAME",
    "SWIFT_PROJECT_ID",
    "SWIFT_PROJECT_NAME",
    "SWIFT_REGION",
    "SWIFT_TENANT",
    "SWIFT_TENANT_ID",
    "SWIFT_USER",
    "SWIFT_USER_DOMAIN_ID",
    "SWIFT_USER_DOMAIN_NAME",
    "SWIFT_USER_ID",
    // everybody's
    "GNUPGHOME",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
});

// Levenshtein's distance, a row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

} // namespace

std::span<const std::string_view> known_variables() {
  return known;
}

std::vector<std::string> unknown_settings(const char* const* environment) {
  std::vector<std::string> unknown;
  for (; *environment; ++environment) {
    std::string_view name(*environment);
    if (!name.starts_with(setting_prefix)) continue;
    name = name.substr(0, name.find('='));
    if (std::ranges::find(known, name) == known.end()) unknown.emplace_back(name);
  }
  return unknown;
}

std::string_view nearest_setting(std::string_view name) {
  constexpr std::size_t longest = 64; // of what could be a slip of the pen
  name = name.substr(0, longest);
  std::string_view nearest;
  std::size_t least = 0;
  for (const std::string_view candidate : known) {
    if (!candidate.starts_with(setting_prefix)) continue;
    const std::size_t d = distance(name, candidate);
    if (!nearest.empty() && d >= least) continue;
    nearest = candidate;
    least = d;
  }
  return nearest;
}

void warn_of_unknown_settings(const char* const* environment) {
  for (const std::string& name : unknown_settings(environment))
    log::warning(
        "wal_e.main",
        {"a setting in the environment is not known",
         name + " has no effect.",
         "The nearest that wal-e knows is " + std::string(nearest_setting(name)) +
             "; man wal-e has all."});
}

} // namespace wale::command
