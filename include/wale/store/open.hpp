#pragma once
// From a prefix URL to a store.

#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <memory>
#include <string>

namespace wale::store {

/// Opens the store that the URL's scheme names; no I/O happens yet. Throws kind::configuration for
/// an unknown scheme or a malformed URL. `rt` must outlive the store.
std::unique_ptr<store> open_store(io::runtime& rt, const std::string& prefix_url);

} // namespace wale::store
