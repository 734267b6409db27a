#pragma once
// The file store: objects are files below one directory. docs/format.md "File store" has the bytes.

#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <memory>
#include <string>

namespace wale::store {

/// `file://HOST/abs/path`, the host is ignored and may be empty. Throws kind::configuration.
std::unique_ptr<store> open_file_store(io::runtime& rt, const std::string& prefix_url);

} // namespace wale::store
