#pragma once
// As much of S3's REST interface, path style, as backup programs use. Any bucket exists, any
// signature is good; bodies are not checked.

#include "objects.hpp"
#include "stream.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace sink {

struct behaviour {
  /// Bodies are kept of keys that contain this: of all if empty, of none if absent. Those below
  /// 64 KiB always are, so that clients find their metadata.
  std::optional<std::string> kept = {};
  std::chrono::milliseconds latency{}; ///< before every answer
};

/// Answers the requests of one connection until its peer closes it.
void serve(stream& peer, object_table& objects, const behaviour& how);

} // namespace sink
