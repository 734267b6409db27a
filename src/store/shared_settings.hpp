#pragma once
// What all stores that are reached over a network share.

#include "retrying.hpp"

#include <wale/store/open.hpp>

namespace wale::store {

/// WALE_RETRIES caps the attempts and never lengthens the limit; 0 and less mean "the limit
/// only". Throws kind::configuration for what is no integer.
retry_policy policy_from(const settings& how);

} // namespace wale::store
