// Puts the Azure store together: address, client, authority, bucket, retries.
#include "azure.hpp"

#include "azure_bucket.hpp"
#include "azure_chain.hpp"
#include "object_store.hpp"
#include "shared_settings.hpp"

#include <wale/http/client.hpp>

#include <utility>

namespace wale::store {

std::unique_ptr<store>
open_azure_store(io::runtime& rt, const std::string& prefix_url, const settings& how) {
  http::variable_lookup variable = how.variable;
  if (!variable) variable = [](const std::string&) { return std::nullopt; };
  const azure_location location = parse_wabs_url(prefix_url);
  const std::string account = azure_account(variable, how.wabs_account_name);
  const azure_address address = azure_address::resolve(
      {account, location.container, variable("WALE_WABS_ENDPOINT").value_or("")});

  auto client = std::make_unique<http::client>(rt, http::options_from(variable));
  auto authority = make_azure_authority(rt, *client, variable, account, address.origin());
  auto bucket = std::make_unique<azure_bucket>(
      rt, std::move(client), std::move(authority), location.container, address);
  const retry_policy policy = policy_from(how);
  return make_object_store(
      rt, make_retrying(rt, std::move(bucket), policy), location.prefix, policy);
}

} // namespace wale::store
