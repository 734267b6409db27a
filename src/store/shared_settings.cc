// WALE_RETRIES.
#include "shared_settings.hpp"

#include <wale/base/error.hpp>

#include <charconv>
#include <string>

namespace wale::store {

retry_policy policy_from(const settings& how) {
  retry_policy policy;
  policy.limit = how.request_limit;
  if (how.limit_of_all) policy.end = std::chrono::steady_clock::now() + *how.limit_of_all;
  const std::string text = how.variable ? how.variable("WALE_RETRIES").value_or("") : "";
  if (text.empty()) return policy;
  int attempts = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), attempts);
  if (error != std::errc() || end != text.data() + text.size())
    throw failure(
        kind::configuration,
        "WALE_RETRIES is not a number",
        "It is \"" + text + "\".",
        "Use the most attempts that a request may take, or 0 for as many as time allows.");
  policy.attempts = attempts < 0 ? 0 : attempts;
  return policy;
}

} // namespace wale::store
