#pragma once
// Requests and responses as values.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wale::http {

/// In order, names in any case.
class headers {
public:
  void add(std::string name, std::string value);
  /// Replaces all of that name.
  void set(std::string name, std::string value);
  /// The first of that name.
  std::optional<std::string> find(std::string_view name) const;
  /// The same, empty if there is none.
  std::string get(std::string_view name) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Memory of the caller that goes out in this order. It must stay as it is until the exchange ends.
using body_pieces = std::vector<std::span<const std::byte>>;

struct request {
  std::string method = "GET";
  std::string target = "/"; ///< path and query, encoded
  /// All but Host, Content-Length and Connection, which the client adds. Host is added only if it
  /// is not here (it is signed).
  http::headers headers = {};
  /// Content-Length is the sum; absent for GET, HEAD and DELETE without pieces.
  body_pieces body = {};
};

struct response {
  int status = 0;
  http::headers headers = {};
};

std::uint64_t size_of(const body_pieces& pieces);
std::span<const std::byte> bytes_of(std::string_view text);

/// Names of fields have no case.
bool same_name(std::string_view a, std::string_view b) noexcept;

/// An HTTP date as Date, Last-Modified and Retry-After have it (RFC 9110, 5.6.7: IMF-fixdate);
/// nullopt for anything else.
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text);

} // namespace wale::http
