#pragma once
// The token, fetched when it is first wanted and whenever the store has refused the last one.

#include "swift_identity.hpp"
#include "swift_login.hpp"

#include <wale/http/client.hpp>
#include <wale/io/event.hpp>
#include <wale/io/task.hpp>

#include <exception>
#include <optional>

namespace wale::store {

class swift_session {
public:
  /// `client` outlives it.
  swift_session(http::client& client, swift_login login);

  const swift_login& login() const noexcept { return login_; }

  /// One signing in at a time; who comes meanwhile shares its result, or its failure, which is
  /// parse_login()'s.
  task<swift_access> get();

  /// What the store said to this token: 401, or something else.
  void note(const swift_access& used, bool refused);
  /// False if the store refuses even tokens that are fresh: asking for more is no use.
  bool may_help() const noexcept { return refused_fresh_ < 2; }

private:
  task<swift_access> sign_in();
  void end(std::exception_ptr error);

  http::client& client_;
  swift_login login_;
  std::optional<swift_access> held_;
  bool proven_ = false; ///< the store has taken held_ once
  int refused_fresh_ = 0;
  bool busy_ = false;
  unsigned round_ = 0; ///< of signing in, those that ended
  std::exception_ptr error_;
  io::event ended_;
};

} // namespace wale::store
