#include "azure_address.hpp"

#include <wale/base/error.hpp>

#include <algorithm>
#include <utility>

namespace wale::store {
namespace {

constexpr std::string_view scheme = "wabs://";

// Nothing of the value is shown: there may be a token in it.
[[noreturn]] void bad_endpoint(std::string msg) {
  throw failure(
      kind::configuration,
      std::move(msg),
      "It is the URL of the blob service without a container.",
      "Valid forms are for example https://account.blob.core.chinacloudapi.cn and, of an emulator, "
      "http://127.0.0.1:10000/account.");
}

[[noreturn]] void bad_prefix(std::string msg, std::string_view prefix_url) {
  throw failure(
      kind::configuration,
      std::move(msg),
      "The prefix is \"" + std::string(prefix_url) + "\".",
      "Give it as wabs://container/prefix.");
}

// It becomes a label in front of a host.
bool is_account_name(std::string_view account) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !account.empty() && account.size() <= 63 && std::ranges::all_of(account, allowed);
}

} // namespace

azure_location parse_wabs_url(std::string_view prefix_url) {
  if (!prefix_url.starts_with(scheme))
    bad_prefix("the storage prefix is no URL of Azure Blob Storage", prefix_url);
  std::string_view rest = prefix_url.substr(scheme.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  azure_location where;
  where.container = rest.substr(0, slash);
  if (where.container.empty()) bad_prefix("the storage prefix names no container", prefix_url);
  rest.remove_prefix(slash);
  while (rest.starts_with('/'))
    rest.remove_prefix(1);
  while (rest.ends_with('/'))
    rest.remove_suffix(1);
  where.prefix = rest;
  if (!where.prefix.empty()) where.prefix += '/';
  return where;
}

azure_address azure_address::resolve(const azure_settings& settings) {
  azure_address a;
  if (!settings.endpoint.empty()) {
    const http::url u = http::parse_url(settings.endpoint);
    if (!u.userinfo.empty())
      bad_endpoint("WALE_WABS_ENDPOINT does not support username or password");
    if (!u.query.empty()) bad_endpoint("WALE_WABS_ENDPOINT does not support query parameters");
    a.origin_ = u.origin;
    a.path_ = u.path;
    while (a.path_.ends_with('/'))
      a.path_.pop_back();
  } else if (is_account_name(settings.account)) {
    a.origin_ = {"https", settings.account + ".blob.core.windows.net", 443};
  } else {
    throw failure(
        kind::configuration,
        "the WABS account name cannot be one",
        "It is \"" + settings.account + "\".",
        "Names of storage accounts have lower-case letters and digits only: check "
        "\"--wabs-account-name\" and the environment variable \"WABS_ACCOUNT_NAME\".");
  }
  a.path_ += "/" + http::percent_encode(settings.container);
  return a;
}

std::string azure_address::target(std::string_view key) const {
  return path_ + "/" + http::percent_encode(key, true);
}

} // namespace wale::store
