#pragma once
// Connects to the first address that answers (RFC 8305).

#include "resolver.hpp"

#include <wale/io/runtime.hpp>
#include <wale/io/socket.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace wale::http {

/// After how long the next address gets its chance too (RFC 8305, section 5).
constexpr std::chrono::milliseconds attempt_delay{250};

/// Looks `host` up and connects within `limit`. Failures name `peer` and every address tried.
task<io::socket> connect_to(
    io::runtime& rt,
    std::string host,
    std::uint16_t port,
    std::chrono::milliseconds limit,
    std::string peer);

/// The same with addresses that are known.
task<io::socket> connect_to(
    io::runtime& rt,
    std::vector<address> addresses,
    std::chrono::milliseconds limit,
    std::string peer);

} // namespace wale::http
