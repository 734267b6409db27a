// Reads TIMELINE.history. Each line is: parent timeline, switch position, reason; separated by
// blanks.

#include <wale/base/error.hpp>
#include <wale/pg/timeline_history.hpp>

#include <charconv>

namespace wale::pg {

namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

timeline_ancestor parse_line(std::string_view line) {
  const std::string_view whole = line;
  const std::string_view number = take_word(line);
  const std::string_view position = take_word(line);
  std::uint32_t tli = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), tli);
  const auto left_at = parse_lsn(position);
  if (error != std::errc{} || stop != number.data() + number.size() || tli == 0 || !left_at)
    throw failure(
        kind::corrupt,
        "unreadable timeline history file",
        "The line is \"" + std::string(whole) + "\".");
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  return {timeline{tli}, *left_at, std::string(line)};
}

} // namespace

std::vector<timeline_ancestor> parse_timeline_history(std::string_view text) {
  std::vector<timeline_ancestor> ancestors;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    while (!line.empty() && blanks.find(line.back()) != std::string_view::npos)
      line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(blanks);
    if (first == std::string_view::npos || line[first] == '#') continue;
    timeline_ancestor ancestor = parse_line(line);
    if (!ancestors.empty() && ancestor.tli <= ancestors.back().tli)
      throw failure(
          kind::corrupt,
          "unreadable timeline history file",
          "Timelines do not ascend: " + std::to_string(ancestor.tli.value) + " follows " +
              std::to_string(ancestors.back().tli.value) + ".");
    ancestors.push_back(std::move(ancestor));
  }
  return ancestors;
}

} // namespace wale::pg
