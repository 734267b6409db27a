#pragma once
// Header fields that every store's answers have, and the server's words in our messages. Pure;
// input is hostile.

#include <wale/http/message.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

/// Decimal digits and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// `bytes FIRST-LAST/COMPLETE` (RFC 9110, 14.4), with FIRST <= LAST < COMPLETE.
struct content_range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t complete = 0;
};
std::optional<content_range> parse_content_range(std::string_view text);

/// The size of the whole object, from an answer that must hold its rest from `offset` on in a body
/// of `length` bytes: 200 for all of it, 206 with exactly that range. nullopt if it holds anything
/// else.
std::optional<std::uint64_t>
size_of_whole(const http::response& head, std::uint64_t length, std::uint64_t offset);

/// Retry-After in seconds, at most an hour; the form with a date is not used by object stores.
std::chrono::milliseconds retry_after(const http::headers& headers);

/// What the server said, fit for one line of a log.
std::string printable(std::string_view text);

} // namespace wale::store
