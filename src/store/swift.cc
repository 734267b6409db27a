// Puts the Swift store together: container, login, client, retries.
#include "swift.hpp"

#include "object_store.hpp"
#include "shared_settings.hpp"
#include "swift_bucket.hpp"

#include <wale/http/client.hpp>

#include <optional>
#include <utility>

namespace wale::store {

std::unique_ptr<store>
open_swift_store(io::runtime& rt, const std::string& prefix_url, const settings& how) {
  http::variable_lookup variable = how.variable;
  if (!variable) variable = [](const std::string&) { return std::nullopt; };
  const swift_location where = parse_swift_url(prefix_url);
  swift_login login = swift_login_from(variable);

  auto client = std::make_unique<http::client>(rt, http::options_from(variable));
  auto account = std::make_unique<swift_account>(rt, std::move(client), std::move(login));
  const retry_policy policy = policy_from(how);
  auto bucket = std::make_unique<swift_bucket>(std::move(account), where);
  return make_object_store(rt, make_retrying(rt, std::move(bucket), policy), where.root, policy);
}

} // namespace wale::store
