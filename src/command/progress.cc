// Counting, and the words for it.
#include "progress.hpp"

#include <algorithm>
#include <cstdio>

namespace wale::command {
namespace {

constexpr std::chrono::seconds rate_window{10};

std::string in_units(double bytes) {
  static constexpr const char* units[]{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  // What would be printed as 1024.0 is 1.0 of the next.
  for (; bytes >= 1023.95 && unit + 1 < std::size(units); ++unit)
    bytes /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

std::string time_left(const progress& p) {
  if (p.done >= p.total) return "0:00:00";
  const double seconds = static_cast<double>(p.total - p.done) / p.bytes_per_second;
  if (!(seconds < 1000 * 3600)) return "a long time";
  const auto whole = static_cast<unsigned long>(seconds + 0.5);
  char text[32];
  std::snprintf(text, sizeof text, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
  return text;
}

} // namespace

unsigned per_cent(const progress& p) {
  if (p.done >= p.total) return 100;
  const long double share = static_cast<long double>(p.done) / static_cast<long double>(p.total);
  return std::min(static_cast<unsigned>(share * 100), 99U);
}

std::string describe(const progress& p) {
  const std::string rate = ", " + in_units(p.bytes_per_second) + "/s";
  const std::string done = in_units(static_cast<double>(p.done));
  if (p.total == 0) return done + rate;
  return done + " of " + in_units(static_cast<double>(p.total)) + " (" +
         std::to_string(per_cent(p)) + " %)" + rate + ", " + time_left(p) + " left";
}

progress progress_meter::sample(time_point now) {
  samples_.push_back({now, done_});
  while (samples_.size() > 2 && samples_[1].time <= now - rate_window)
    samples_.pop_front();
  const count& since = samples_.front();
  const double seconds = std::chrono::duration<double>(now - since.time).count();
  const double bytes = static_cast<double>(done_ - since.done);
  return {done_, total_, seconds > 0 ? bytes / seconds : 0};
}

} // namespace wale::command
