#pragma once
// New connections along a route: connect, tunnel, TLS, each with its deadline.

#include "connection.hpp"
#include "proxy.hpp"
#include "tls_context.hpp"

#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <memory>

namespace wale::http {

struct dialing {
  dialing(std::chrono::milliseconds c, std::chrono::milliseconds t) : connect(c), tls(t) {}
  std::chrono::milliseconds connect; ///< look-up and connect
  std::chrono::milliseconds tls;     ///< each of tunnel and handshake
};

/// Failures name origin, proxy and phase.
task<std::unique_ptr<connection>>
dial(io::runtime& rt, const client_options& options, tls_context& tls, route along, dialing limits);

} // namespace wale::http
