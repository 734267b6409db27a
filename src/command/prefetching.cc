// The part of wal-fetch that runs without a loop. One prefetcher runs at a time: the lock, taken
// here, goes to it with the descriptor, so that there is no moment without an owner.
#include "prefetching.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/fs.hpp>
#include <wale/pg/control_file.hpp>
#include <wale/pg/restore_mode.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>
#include <utility>
#include <vector>

extern char** environ;

namespace wale::command {
namespace {

namespace fs = io::fs;
using clock = std::chrono::steady_clock;

constexpr std::uint64_t most_bytes = 256U << 20;
constexpr int lock_descriptor = 3;
// Without a byte more in this time the segment is fetched in-line.
constexpr std::chrono::milliseconds least_progress{500};
constexpr std::chrono::seconds longest_wait{5};

// Signals are held back here: one that came, or comes within this time, ends the command.
void take_signal(std::chrono::milliseconds time) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  timespec t{};
  t.tv_nsec = std::chrono::nanoseconds(time).count();
  const int signal = ::sigtimedwait(&set, nullptr, &t);
  if (signal > 0)
    throw failure(
        kind::interrupted,
        "interrupted by a signal",
        std::string(signal == SIGTERM ? "SIGTERM" : "SIGINT") + " was received.");
}

bool is_held(const prefetch_area& area) {
  const prefetch_lock lock = prefetch_lock::open(area);
  return lock.is_valid() && !lock.take();
}

// The global options as they were given; none of them is a secret.
void add_global_options(const command_line& line, std::vector<std::string>& words) {
  for (const option_spec& o : global_options()) {
    const auto found = line.global.find(o.name);
    if (found == line.global.end()) continue;
    const std::string name = "--" + std::string(o.name);
    words.push_back(o.argument.empty() ? name : name + "=" + found->second);
  }
}

// A session of its own, so that no signal for PostgreSQL's reaches it, nothing open but the lock,
// and a working directory that it keeps nobody from removing.
bool start_detached(const std::vector<std::string>& words, int lock) {
  std::vector<char*> arguments;
  for (const std::string& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  for (int fd = 0; fd <= 2; ++fd)
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, lock, lock_descriptor);
  posix_spawn_file_actions_addclosefrom_np(&actions, lock_descriptor + 1);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  sigset_t set;
  sigemptyset(&set);
  posix_spawnattr_setsigmask(&attributes, &set);
  sigaddset(&set, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &set);
  posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0;
}

void tell_or_start(const command_line& line, const prefetch_plan& plan) {
  plan.area.make();
  const prefetch_lock lock = prefetch_lock::open(plan.area);
  if (!lock.is_valid()) return;
  lock.tell_wanted(plan.segment);
  if (!lock.take()) return;
  if (::access((plan.data_directory + "/postmaster.pid").c_str(), F_OK) != 0) return;
  const pg::wal_segment next = plan.segment.next(plan.origin.size);
  std::vector<std::string> words{"wal-e"};
  add_global_options(line, words);
  words.insert(
      words.end(),
      {"wal-prefetch",
       "--prefetch=" + std::to_string(plan.count),
       "--data-directory=" + plan.data_directory,
       plan.wal_directory,
       next.name()});
  // The next wal-fetch may come before the prefetcher has begun.
  plan.area.drop_announcements();
  plan.area.begin(next);
  // The lock must not be at the place that it is to be copied to: dup2 would keep close-on-exec.
  const int copy = ::fcntl(lock.descriptor(), F_DUPFD_CLOEXEC, lock_descriptor + 1);
  if (copy < 0 || !start_detached(words, copy)) plan.area.end(next);
  if (copy >= 0) ::close(copy);
}

} // namespace

std::optional<prefetch_plan> plan_prefetch(
    const command_line& line, const std::string& prefix_url, std::optional<restore_mode> mode) {
  const std::size_t asked = line.number("prefetch", 0);
  const auto segment = pg::wal_segment::parse(line.operands.at(0));
  const std::string& destination = line.operands.at(1);
  if (asked == 0 || !segment || !mode || mode == restore_mode::neither) return std::nullopt;
  try {
    const std::string wal_directory = fs::resolve(fs::parent_of(destination));
    const std::string data = pg::recovering_directory(destination);
    const pg::control_data control = pg::read_control_file(data).data;
    prefetch_origin origin = origin_of(archive_identity(line.global, prefix_url), control);
    const std::size_t count = std::min<std::size_t>(asked, most_bytes / origin.size.bytes());
    if (count == 0) return std::nullopt;
    prefetch_area area(wal_directory);
    return prefetch_plan{
        std::move(area), std::move(origin), *segment, wal_directory, fs::resolve(data), count};
  } catch (const failure&) {
    return std::nullopt;
  }
}

bool serve_prefetched(const prefetch_plan& plan, const std::string& destination) {
  const clock::time_point begun = clock::now();
  clock::time_point progress = begun;
  std::uint64_t before = 0;
  while (true) {
    take_signal(std::chrono::milliseconds(0));
    if (plan.area.serve(plan.segment, plan.origin, destination)) return true;
    const auto bytes = plan.area.bytes_of(plan.segment);
    // It may have been published between the two looks.
    if (!bytes) return plan.area.serve(plan.segment, plan.origin, destination);
    if (!is_held(plan.area)) return false;
    const clock::time_point now = clock::now();
    if (*bytes != before) progress = now;
    before = *bytes;
    if (now - progress > least_progress || now - begun > longest_wait) return false;
    take_signal(std::chrono::milliseconds(1));
  }
}

void drop_prefetched(const std::string& destination) noexcept {
  try {
    const prefetch_area area(fs::parent_of(destination));
    if (!area.exists()) return;
    const prefetch_lock lock = prefetch_lock::open(area);
    if (lock.is_valid() && lock.take()) area.drop_all();
  } catch (const std::exception&) { // they are of no use, but of no harm either
  }
}

void prefetch_behind(const command_line& line, const prefetch_plan& plan) noexcept {
  try {
    tell_or_start(line, plan);
  } catch (const failure& f) {
    log::warning(
        "wal_e.worker.prefetch",
        {"could not create prefetch directory",
         f.text().msg + (f.text().detail.empty() ? "" : ": " + f.text().detail)});
  } catch (const std::exception&) { // out of memory: the next wal-fetch tries again
  }
}

} // namespace wale::command
