#pragma once
// The store of OpenStack Swift.

#include <wale/store/open.hpp>

#include <memory>
#include <string>

namespace wale::store {

/// `swift://container/prefix`. No I/O yet. Throws kind::configuration for what is missing or
/// contradicts.
std::unique_ptr<store>
open_swift_store(io::runtime& rt, const std::string& prefix_url, const settings& how);

} // namespace wale::store
