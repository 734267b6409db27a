#pragma once
// Credentials kept while they are good, and asked for anew ahead of their end (refreshed.hpp).

#include "aws_credentials.hpp"

#include <memory>

namespace wale::store {

std::unique_ptr<credential_source> make_refreshing(std::unique_ptr<credential_provider> provider);

} // namespace wale::store
