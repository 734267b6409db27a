// Puts the store together: address, client, tokens, bucket, retries.
#include "gcs.hpp"

#include "gcs_bucket.hpp"
#include "object_store.hpp"
#include "shared_settings.hpp"

#include <wale/http/client.hpp>

#include <utility>

namespace wale::store {

std::unique_ptr<store>
open_gcs_store(io::runtime& rt, const std::string& prefix_url, const settings& how) {
  http::variable_lookup variable = how.variable;
  if (!variable) variable = [](const std::string&) { return std::nullopt; };
  const gcs_location location = parse_gs_url(prefix_url);
  gcs_settings where;
  where.bucket = location.bucket;
  where.emulator = variable("STORAGE_EMULATOR_HOST").value_or("");
  where.endpoint = variable("WALE_GS_ENDPOINT").value_or("");
  const gcs_address address = gcs_address::resolve(where);

  auto client = std::make_unique<http::client>(rt, http::options_from(variable));
  std::unique_ptr<google_token_source> tokens;
  if (address.wants_token()) tokens = make_google_tokens(rt, *client, variable);
  const bool forbidden_is_absent = variable("WALE_403_IS_ABSENT").value_or("") == "1";
  auto bucket = std::make_unique<gcs_bucket>(
      rt, std::move(client), std::move(tokens), location.bucket, address, forbidden_is_absent);
  const retry_policy policy = policy_from(how);
  return make_object_store(rt, make_retrying(rt, std::move(bucket), policy), location.root, policy);
}

} // namespace wale::store
