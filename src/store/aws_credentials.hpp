#pragma once
// Where credentials for AWS come from. aws_chain.hpp makes the source that the driver uses; the
// files beside it are its links, one way of finding credentials each.

#include "aws_keys.hpp"

#include <wale/io/task.hpp>

#include <optional>

namespace wale::store {

/// Credentials that are good now.
class credential_source {
public:
  virtual ~credential_source() = default;

  /// Throws kind::configuration if a person must do something, kind::unavailable if asking again
  /// later may help. Callers that come while a refresh is under way share its result. Cancelling
  /// one leaves nothing behind.
  virtual task<aws_credentials> get() = 0;
  /// The server did not take what get() gave last (ExpiredToken): the next get() asks anew. False
  /// if there is nobody to ask, so that it would give the same.
  virtual bool forget() = 0;
};

/// One link of the chain. Asks anew at each call and keeps nothing.
class credential_provider {
public:
  virtual ~credential_provider() = default;

  /// nullopt if this way is not configured here, so that the next link may be asked; what is
  /// configured and does not work throws.
  virtual task<std::optional<aws_credentials>> fetch() = 0;
};

} // namespace wale::store
