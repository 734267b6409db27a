#pragma once
// Two requests that a server refuses for one reason, at the same time: both are to be mended.

#include "store/conformance.hpp"
#include "support/scripted_peer.hpp"

#include <functional>
#include <memory>
#include <string>

namespace wale::test {

/// Stores two small objects at once.
void put_two(io::runtime& rt, store::store& s);

/// For a server's before(): refuses what `is_wrong` finds wrong, but not before two such requests
/// are there.
std::function<std::optional<answer>(const received_request&)>
refusing_two_together(std::function<bool(const received_request&)> is_wrong, answer refusal);

/// The time in an hour, UTC, in strftime's `form`.
std::string in_an_hour(const char* form);

} // namespace wale::test
