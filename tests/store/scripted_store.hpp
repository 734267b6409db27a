#pragma once
// What the tests of all drivers share that open a store on a scripted server.

#include "store/conformance.hpp"
#include "support/failure_of.hpp"
#include "support/scripted_peer.hpp"

#include <wale/store/open.hpp>

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace wale::test {

using variables = std::map<std::string, std::string>;

/// An environment of `more` and then `usual`, where an empty value is none, and 20 seconds for a
/// request.
inline store::settings settings_of(variables usual, variables more = {}) {
  more.merge(usual);
  store::settings how;
  how.request_limit = std::chrono::seconds(20);
  how.variable = [all = std::move(more)](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    if (found == all.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
  return how;
}

/// What store.hpp's object stores gather before they send it, and content of three of them and a
/// bit.
inline constexpr std::size_t part_size = 6 * 1024 * 1024;
inline const std::string large = noise(3 * part_size + 12345, 7);

/// The server did it, and its answer never comes.
inline answer lost() {
  answer a;
  a.nothing = true;
  return a;
}

} // namespace wale::test
