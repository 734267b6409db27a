#pragma once
// An account of Swift: each request with a token, sent once. What this side can mend, the token, is
// mended before the failure is thrown.

#include "swift_errors.hpp"
#include "swift_session.hpp"

#include <wale/http/client.hpp>
#include <wale/io/runtime.hpp>

#include <cstddef>
#include <memory>
#include <optional>

namespace wale::store {

class swift_account {
public:
  /// `rt` outlives it.
  swift_account(io::runtime& rt, std::unique_ptr<http::client> client, swift_login login);

  io::runtime& runtime() const noexcept { return runtime_; }
  const swift_login& login() const noexcept { return session_.login(); }

  /// Signs in.
  task<> warm_up();
  /// Targets are below the storage URL.
  task<http::reply> send(http::request r, http::exchange_options how = {});
  task<http::streamed_reply> open(http::request r, io::block_budget& budget);
  /// What to throw for a verdict.
  request_failure mend(const swift_verdict& v) const;

  /// How many objects one request may remove; 1 without bulk delete. Asked once (/info, which
  /// needs no token).
  task<std::size_t> removals_at_once();

  task<> close();

private:
  io::runtime& runtime_;
  std::unique_ptr<http::client> client_;
  swift_session session_;
  std::optional<std::size_t> removals_at_once_;
};

} // namespace wale::store
