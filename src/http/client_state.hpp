#pragma once
// What the client and the bodies that it has given out share.

#include "connection.hpp"
#include "conversation.hpp"
#include "kept_connections.hpp"
#include "proxy.hpp"
#include "tls_context.hpp"

#include <wale/base/secret.hpp>
#include <wale/http/client.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace wale::http {

/// A connection in the middle of an exchange: the head of the answer has come.
struct lease {
  std::unique_ptr<connection> held;
  std::string route;
  incoming answer;
  std::vector<wale::secret> secrets; ///< that the rest of a refusal may repeat
};

struct client::state {
  state(io::runtime& r, client_options o)
      : rt(r), options(std::move(o)), tls(options.ca_file, options.ca_directory) {}

  io::runtime& rt;
  client_options options;
  tls_context tls;
  kept_connections kept;
  std::map<std::string, std::chrono::seconds> offsets; ///< by origin
  std::set<std::string> silent; ///< origins that do not answer `Expect: 100-continue`

  /// Sends the request and reads the answer's head, over a kept connection or a new one.
  task<lease> exchange(origin to, const request& what, exchange_options how);
  /// The exchange is over: keeps the connection if it can be used again.
  void give_back(lease l);

private:
  /// nullopt: the connection was dead, nothing was answered, and another may be tried.
  task<std::optional<lease>> attempt(
      const route& along,
      const request& what,
      const exchange_options& how,
      std::chrono::steady_clock::time_point begun,
      bool fresh);
  void note_date(const origin& of, const response& answer);
};

/// The body of `l` as a source of blocks; gives the lease back at its end.
std::unique_ptr<io::source>
make_body_source(client::state& owner, lease l, io::block_budget& budget);

} // namespace wale::http
