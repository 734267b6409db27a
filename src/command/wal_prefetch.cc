// wal-prefetch: what wal-fetch starts to have the next segments at hand. Nobody waits for it and
// nobody reads its exit code, which is 0 or 1 all the same: where the postmaster is process 1 of a
// container, it inherits the orphan, and takes any other code for a crash of its own.
#include "prefetcher.hpp"
#include "settings.hpp"

#include <wale/base/log.hpp>
#include <wale/io/fs.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/restore_mode.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <sys/types.h>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.worker.prefetch";
constexpr int handed_lock = 3;

// The lines of postmaster.pid that tell one run of the server from the next (process and start
// time, src/include/utils/pidfile.h); empty if it does not run.
std::string postmaster_of(const std::string& data_directory) {
  std::string text;
  try {
    text = io::fs::read_small(data_directory + "/postmaster.pid").value_or("");
  } catch (const failure&) {
    return {};
  }
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  if (pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) return {};
  std::size_t end = 0;
  for (int line = 0; line < 3 && end != std::string::npos; ++line)
    end = text.find('\n', line == 0 ? 0 : end + 1);
  return text.substr(0, end);
}

std::function<bool()> recovery_goes_on(const std::string& data_directory) {
  if (data_directory.empty()) return {};
  const std::string server = postmaster_of(data_directory);
  return [data_directory, server] {
    return !server.empty() && postmaster_of(data_directory) == server &&
           pg::restore_mode_of(data_directory) != restore_mode::neither;
  };
}

pg::wal_segment segment_named(const std::string& name) {
  if (const auto segment = pg::wal_segment::parse(name)) return *segment;
  throw failure(
      kind::usage, "the command line was not understood", "\"" + name + "\" is no WAL segment");
}

} // namespace

task<int> wal_prefetch(context c) {
  const std::size_t count = c.line.number("prefetch", 1);
  const std::string& wal_directory = c.line.operands.at(0);
  const pg::wal_segment first = segment_named(c.line.operands.at(1));
  const auto given = c.line.options.find("data-directory");
  const std::string data = given == c.line.options.end() ? std::string() : given->second;
  const prefetch_area area(wal_directory);
  area.make();
  prefetch_lock handed = prefetch_lock::adopt(handed_lock, area);
  const prefetch_lock lock = handed.is_valid() ? std::move(handed) : prefetch_lock::open(area);
  if (!lock.is_valid()) throw failure::system(errno, "open \"" + area.lock_path() + "\"");
  if (!lock.take()) {
    log::info(logger, {"another prefetch is under way", wal_directory});
    co_return 0;
  }
  area.drop_announcements();
  const std::string cluster = data.empty() ? wal_directory + "/.." : data;
  prefetch_origin origin = origin_of(
      archive_identity(c.line.global, storage_prefix(c.line.global)),
      pg::read_control_file(cluster).data);
  prefetcher work(
      c,
      area,
      lock,
      std::move(origin),
      first,
      std::max<std::size_t>(count, 1),
      recovery_goes_on(data));
  const std::optional<failure> failed = co_await work.run();
  if (!failed) co_return 0;
  log::warning(logger, failed->text());
  co_return 1;
}

} // namespace wale::command
