#include "time_limits.hpp"

#include <wale/base/error.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/restore_mode.hpp>
#include <wale/pg/wal_name.hpp>

#include <algorithm>
#include <sys/stat.h>

namespace wale::command {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t usual_segment = 16u << 20;

// `spare` is for the end: to say what the store said, and to take down what is under way.
time_limit limit_of(seconds budget, seconds spare, std::uint64_t bytes) noexcept {
  const std::uint64_t shares = bytes == 0 ? 1 : (bytes - 1) / usual_segment + 1;
  const seconds command = budget * static_cast<seconds::rep>(shares);
  return {command, command - spare, budget - spare};
}

std::uint64_t size_of_file(const std::string& path) {
  struct stat s {};
  return ::stat(path.c_str(), &s) == 0 ? static_cast<std::uint64_t>(s.st_size) : 0;
}

// 0: of the usual size. What cannot be told is no failure of a fetch by hand.
std::uint64_t size_of_segments(const std::string& data_directory) {
  try {
    return pg::read_control_file(data_directory).data.wal_segment_size.bytes();
  } catch (const failure&) {
    return 0;
  }
}

} // namespace

time_limit push_limit(std::uint64_t bytes) noexcept {
  return limit_of(seconds(60), seconds(5), bytes);
}

time_limit fetch_limit(std::uint64_t bytes, restore_mode mode) noexcept {
  return mode == restore_mode::targeted ? limit_of(seconds(300), seconds(10), bytes)
                                        : limit_of(seconds(15), seconds(2), bytes);
}

std::optional<time_limit>
time_limit_of(const command_line& line, std::optional<restore_mode> mode) {
  if (line.command->name == "wal-push") return push_limit(size_of_file(line.operands.at(0)));
  if (!mode) return std::nullopt;
  const bool is_segment = pg::wal_segment::parse(line.operands.at(0)).has_value();
  const std::string data = pg::recovering_directory(line.operands.at(1));
  time_limit limit = fetch_limit(is_segment ? size_of_segments(data) : 0, *mode);
  const auto type = pg::wal_name::parse(line.operands.at(0)).type;
  if (type == pg::wal_name::kind::history)
    limit.requests = std::max(limit.requests, history_patience);
  return limit;
}

std::chrono::seconds request_limit(std::string_view command) noexcept {
  if (command == "backup-push" || command == "backup-fetch") return std::chrono::minutes(15);
  if (command == "wal-prefetch") return seconds(55);
  return std::chrono::minutes(5);
}

} // namespace wale::command
