// Header fields and dates (RFC 9110, 5.6.7).
#include <wale/http/message.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace wale::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// The number that is `text`, -1 if it is none.
int number_in(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

int month_in(std::string_view name) {
  static constexpr std::array<std::string_view, 12> names{
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto place = std::find(names.begin(), names.end(), name);
  return place == names.end() ? 0 : static_cast<int>(place - names.begin()) + 1;
}

} // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

void headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void headers::set(std::string name, std::string value) {
  std::erase_if(fields_, [&](const auto& field) { return same_name(field.first, name); });
  add(std::move(name), std::move(value));
}

std::optional<std::string> headers::find(std::string_view name) const {
  for (const auto& [n, value] : fields_) {
    if (same_name(n, name)) return value;
  }
  return std::nullopt;
}

std::string headers::get(std::string_view name) const {
  return find(name).value_or(std::string());
}

std::uint64_t size_of(const body_pieces& pieces) {
  std::uint64_t size = 0;
  for (const auto& piece : pieces)
    size += piece.size();
  return size;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) {
  // `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete forms are older than every object store.
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT" ||
      text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':')
    return std::nullopt;
  const int day = number_in(text.substr(5, 2));
  const int month = month_in(text.substr(8, 3));
  const int year = number_in(text.substr(12, 4));
  const int hour = number_in(text.substr(17, 2));
  const int minute = number_in(text.substr(20, 2));
  const int second = number_in(text.substr(23, 2));
  const std::chrono::year_month_day date{
      std::chrono::year(year),
      std::chrono::month(static_cast<unsigned>(month)),
      std::chrono::day(static_cast<unsigned>(day))};
  if (day < 1 || year < 1970 || !date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60)
    return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

} // namespace wale::http
