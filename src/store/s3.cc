// Puts the S3 store together: address, client, credentials, bucket, retries.
#include "s3.hpp"

#include "aws_chain.hpp"
#include "object_store.hpp"
#include "s3_bucket.hpp"
#include "shared_settings.hpp"

#include <wale/base/log.hpp>
#include <wale/http/client.hpp>

#include <utility>

namespace wale::store {

std::unique_ptr<store>
open_s3_store(io::runtime& rt, const std::string& prefix_url, const settings& how) {
  http::variable_lookup variable = how.variable;
  if (!variable) variable = [](const std::string&) { return std::nullopt; };
  const s3_location location = parse_s3_url(prefix_url);
  aws_chain_options chain;
  chain.key_id = how.aws_access_key_id;
  chain.only_instance_profile = how.aws_instance_profile || instance_profile_asked(variable);

  auto client = std::make_unique<http::client>(rt, http::options_from(variable));
  auto credentials = make_credential_chain(rt, *client, variable, std::move(chain));

  s3_settings where;
  where.bucket = location.bucket;
  where.region = variable("AWS_REGION").value_or("");
  where.endpoint = variable("WALE_S3_ENDPOINT").value_or("");
  where.prefer_virtual = variable("WALE_S3_VIRTUAL_HOSTS").value_or("") == "1";
  const s3_address address = s3_address::resolve(std::move(where));
  if (address.warning()) log::warning("wal_e.main", *address.warning());

  s3_options options = s3_options_from(how, address.origin().secure(), address.is_amazon());
  auto bucket = std::make_unique<s3_bucket>(
      rt, std::move(client), std::move(credentials), location.bucket, address, std::move(options));
  const retry_policy policy = policy_from(how);
  return make_object_store(
      rt, make_retrying(rt, std::move(bucket), policy), location.prefix, policy);
}

} // namespace wale::store
