#include "iso_time.hpp"

#include <chrono>

namespace wale::store {
namespace {

// Takes exactly `digits` digits and what follows them, if that is `mark`.
std::optional<int> take(std::string_view& text, std::size_t digits, char mark = 0) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = 10 * value + (c - '0');
  }
  text.remove_prefix(digits);
  if (mark != 0) {
    if (!text.starts_with(mark)) return std::nullopt;
    text.remove_prefix(1);
  }
  return value;
}

std::int64_t take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  std::int64_t ns = 0;
  std::int64_t weight = 100'000'000;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    ns += (text.front() - '0') * weight;
    weight /= 10;
  }
  return ns;
}

std::optional<std::chrono::minutes> take_offset(std::string_view text) {
  using std::chrono::minutes;
  if (text.empty() || text == "Z" || text == "z") return minutes(0);
  const int sign = text.front() == '+' ? 1 : -1;
  if (text.front() != '+' && text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto hours = take(text, 2, ':');
  const auto rest = hours ? take(text, 2) : std::nullopt;
  if (!rest || !text.empty() || *hours > 23 || *rest > 59) return std::nullopt;
  return minutes(sign * (*hours * 60 + *rest));
}

} // namespace

std::optional<std::int64_t> parse_iso_time(std::string_view text) {
  using namespace std::chrono;
  const auto y = take(text, 4, '-');
  const auto mo = y ? take(text, 2, '-') : std::nullopt;
  const auto d = mo ? take(text, 2, 'T') : std::nullopt;
  const auto h = d ? take(text, 2, ':') : std::nullopt;
  const auto mi = h ? take(text, 2, ':') : std::nullopt;
  const auto s = mi ? take(text, 2) : std::nullopt;
  if (!s) return std::nullopt;
  const std::int64_t fraction = take_fraction(text);
  const auto offset = take_offset(text);
  const year_month_day date{
      year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d))};
  // Nanoseconds of 64 bits end in the year 2262.
  if (!offset || !date.ok() || *y < 1678 || *y > 2261 || *h > 23 || *mi > 59 || *s > 60)
    return std::nullopt;
  const auto time = sys_days(date) + hours(*h) + minutes(*mi) + seconds(*s) - *offset;
  return duration_cast<nanoseconds>(time.time_since_epoch()).count() + fraction;
}

} // namespace wale::store
