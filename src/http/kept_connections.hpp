#pragma once
// Connections that ended a clean exchange and wait for the next one.

#include "connection.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace wale::http {

class kept_connections {
public:
  /// The one of this route that was used last and is still quiet, or nullptr. Those found dead, or
  /// idle for so long that something on the way may have forgotten them, are dropped.
  std::unique_ptr<connection> take(const std::string& route);
  void keep(const std::string& route, std::unique_ptr<connection> c);
  void clear() { idle_.clear(); }

private:
  struct idle {
    std::unique_ptr<connection> held;
    std::chrono::steady_clock::time_point since;
  };
  std::map<std::string, std::vector<idle>> idle_;
};

} // namespace wale::http
