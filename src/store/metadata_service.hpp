#pragma once
// The services inside a cloud that tell a machine who it is, and who is no such machine nothing.

#include <wale/http/client.hpp>
#include <wale/io/task.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace wale::store {

struct metadata_answer {
  std::optional<http::reply> reply; ///< of any status
  std::string silence;              ///< why there is none
};

/// Asks once, and never a proxy. Not to be answered is an answer too: where nothing accepts the
/// connection within a second there is no such service, as it is one hop away. Throws other
/// failures than kind::unavailable.
task<metadata_answer> ask_metadata(
    http::client& client,
    http::origin service,
    http::request what,
    std::chrono::milliseconds limit);

/// Where such a service is by a setting, without slashes at the path's end.
http::url metadata_url(const std::string& text);

} // namespace wale::store
