#pragma once
// Credentials kept while they are good, and asked for anew ahead of their end.

#include "aws_credentials.hpp"

#include <chrono>
#include <memory>

namespace wale::store {

/// When to ask again, and until when to use what there is.
struct credential_times {
  std::chrono::system_clock::time_point ask;
  std::chrono::system_clock::time_point end;
};

/// Asks five minutes and up to one more (`random` is in [0, 1)) before the expiry, of short-lived
/// ones after three quarters of their time. What seems to have expired already is used all the
/// same: our clock may be wrong, and the metadata service hands out old keys on purpose while AWS
/// cannot make new ones. Pure.
credential_times
times_of(const aws_credentials& keys, std::chrono::system_clock::time_point now, double random);

/// One refresh at a time; who comes meanwhile shares its result, or its failure. A refresh ahead of
/// the expiry that fails is tried again a minute later.
std::unique_ptr<credential_source> make_refreshing(std::unique_ptr<credential_provider> provider);

} // namespace wale::store
