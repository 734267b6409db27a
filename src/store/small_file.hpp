#pragma once
// Files of settings and tokens.

#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace wale::store {

/// The whole file; nullopt if there is none. Throws if it is longer than `limit` or cannot be read.
task<std::optional<std::string>>
read_small_file(io::runtime& rt, std::string path, std::size_t limit = 1024 * 1024);

/// read_small_file() of a file that holds one token: without white space around it. `variable`
/// names who asked for the file. Throws kind::configuration if it is absent, empty or has control
/// characters in it.
task<std::string> read_token_file(io::runtime& rt, std::string path, std::string variable);

} // namespace wale::store
