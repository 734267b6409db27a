#pragma once
// What AWS requests are signed with. A value; where it comes from is aws_credentials.hpp's affair.

#include <wale/base/secret.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace wale::store {

struct aws_credentials {
  std::string key_id; ///< not a secret, but logged by nobody either
  wale::secret secret;
  wale::secret session_token = {}; ///< empty for long-lived keys
  std::optional<std::chrono::system_clock::time_point> expiry = {};
};

} // namespace wale::store
