#pragma once
// Runs a credential_process: a program of the user's that prints credentials.

#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace wale::store {

/// The words of a command line: blanks part them, quotes and backslashes keep blanks. No shell, no
/// expansion. Throws kind::configuration for an open quote or no word at all. Pure.
std::vector<std::string> split_command(std::string_view line);

/// Standard output of the program, which reads nothing, shares our standard error, and is found
/// through PATH. It is killed, with its process group, if it takes longer than `limit`, prints more
/// than `most`, or the caller is cancelled. Throws kind::configuration if it cannot be started,
/// kind::unavailable if it fails. What it printed is in no message.
task<std::string> output_of(
    io::runtime& rt,
    std::vector<std::string> command,
    std::chrono::milliseconds limit = std::chrono::seconds(60),
    std::size_t most = 64 * 1024);

} // namespace wale::store
