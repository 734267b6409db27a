#include "answer_fields.hpp"

#include <algorithm>
#include <charconv>

namespace wale::store {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

std::optional<content_range> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (!text.starts_with(unit) || dash == text.npos || slash == text.npos || slash < dash)
    return std::nullopt;
  const auto first = parse_number(text.substr(unit.size(), dash - unit.size()));
  const auto last = parse_number(text.substr(dash + 1, slash - dash - 1));
  const auto complete = parse_number(text.substr(slash + 1));
  if (!first || !last || !complete || *first > *last || *last >= *complete) return std::nullopt;
  return content_range{*first, *last, *complete};
}

std::optional<std::uint64_t>
size_of_whole(const http::response& head, std::uint64_t length, std::uint64_t offset) {
  if (head.status == 200 && offset == 0) return length;
  const auto range = parse_content_range(head.headers.get("Content-Range"));
  const bool is_rest = head.status == 206 && range && range->first == offset &&
                       range->last + 1 == range->complete && range->complete - offset == length;
  if (!is_rest) return std::nullopt;
  return range->complete;
}

std::chrono::milliseconds retry_after(const http::headers& headers) {
  constexpr std::uint64_t most = 3600;
  const auto seconds = parse_number(headers.get("Retry-After"));
  return std::chrono::seconds(std::min(seconds.value_or(0), most));
}

std::string printable(std::string_view text) {
  constexpr std::size_t most = 400;
  std::string out;
  for (const char c : text.substr(0, most)) {
    const auto u = static_cast<unsigned char>(c);
    out += u < 0x20 || u == 0x7f ? ' ' : c;
  }
  return text.size() > most ? out + "..." : out;
}

} // namespace wale::store
