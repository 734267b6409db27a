// From argv to an exit code. The only place that prints failures, and the only one that turns them
// into exit codes.
#include "at_once.hpp"
#include "context.hpp"
#include "encryption.hpp"
#include "settings.hpp"
#include "time_limits.hpp"
#include "variables.hpp"

#include <wale/base/error.hpp>
#include <wale/base/exit_code.hpp>
#include <wale/base/log.hpp>
#include <wale/command/help.hpp>
#include <wale/command/program.hpp>
#include <wale/pg/restore_mode.hpp>
#include <wale/store/open.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <optional>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

using command_function = task<int> (*)(context);

struct implementation {
  std::string_view name;
  command_function run;
  std::size_t blocks;      ///< of the pool: 280 KiB each, see docs/design.md "Memory"
  std::size_t more_blocks; ///< for stores that gather parts
};

constexpr implementation implementations[]{
    {"backup-push", backup_push, 112, 132},
    {"backup-fetch", backup_fetch, 112, 0},
    {"backup-list", backup_list, 4, 0},
    {"wal-push", wal_push, 48, 232},
    {"wal-fetch", wal_fetch, 48, 0},
    {"wal-prefetch", wal_prefetch, 120, 0},
    {"delete", delete_objects, 16, 0},
};

// A descriptor opened later must never become somebody's stderr.
void open_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return;
}

// A partition being packed holds 130 files open; the hard limit is the administrator's word.
void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A reader that is gone and a file beyond ulimit -f are failures of a write. Who starts us may
// ignore its children, which is inherited: then nobody would learn how gpg ended.
void expect_results_not_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGCHLD, SIG_DFL);
}

// wal-fetch answers to recovery, whose mode must be known before anything can fail, even a command
// line that is not understood: any of its words may be the destination.
std::optional<restore_mode> mode_of_recovery(const std::vector<std::string>& arguments) {
  const auto command = std::ranges::find(arguments, "wal-fetch");
  if (command == arguments.end()) return std::nullopt;
  restore_mode mode = pg::restore_mode_of(pg::recovering_directory(""));
  for (auto word = command + 1; word != arguments.end(); ++word) {
    const restore_mode its = pg::restore_mode_of(pg::recovering_directory(*word));
    if (its == restore_mode::targeted || mode == restore_mode::neither) mode = its;
  }
  return mode;
}

std::optional<restore_mode> mode_of_recovery(const command_line& line) {
  if (line.command->name != "wal-fetch") return std::nullopt;
  return pg::restore_mode_of(pg::recovering_directory(line.operands.at(1)));
}

// A signal that comes before it can be answered waits until it can.
void hold_signals(bool hold) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  ::sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, nullptr);
}

int code_of(kind k, std::optional<restore_mode> mode) {
  return mode ? wal_fetch_exit_code(k, *mode) : exit_code(k);
}

// For failures whose words cannot know better.
const char* hint_for(kind k) {
  switch (k) {
  case kind::usage:
    return "See wal-e --help, wal-e COMMAND --help and man wal-e.";
  case kind::interrupted:
    return "Run it again: nothing half-made was left where others read.";
  case kind::corrupt:
    return "Compare with a copy of the archive, or use another backup.";
  case kind::bug:
    return "This should not happen: please report it with these lines.";
  default:
    return "Mend what DETAIL says, then run it again.";
  }
}

// The command of a line that is not understood, as far as one can tell; nullptr if there is none.
const command_spec* command_among(const std::vector<std::string>& arguments) {
  for (const std::string& word : arguments)
    if (const command_spec* const command = find_command(word)) return command;
  return nullptr;
}

// By what stands before the command, of a line that is not understood as a whole.
void configure_log_as_asked(const std::vector<std::string>& arguments) {
  try {
    log::configure(log_destinations(leading_options(arguments)));
  } catch (const failure&) {
    return; // the environment's settings stand
  }
}

// `command` is that of a line which was understood.
int report(
    const failure& failed,
    std::optional<restore_mode> mode,
    const command_spec* command,
    const std::vector<std::string>& arguments) {
  const failure f = failed.text().hint.empty() ? failed.with_hint(hint_for(failed.why())) : failed;
  const bool is_command_line = f.why() == kind::usage && !command;
  if (is_command_line) configure_log_as_asked(arguments);
  const bool is_for_people = log::configured().form == log::format::text;
  if (is_command_line && is_for_people) log::write_plain(usage_text(command_among(arguments)));
  log::write({
      .logger = "wal_e.main",
      .severity = f.why() == kind::bug ? log::level::critical : log::level::error,
      .text = f.text(),
  });
  return code_of(f.why(), mode);
}

int print(const std::string& text) {
  return std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0;
}

task<> keep_status(task<int> command, int& status) {
  hold_signals(false);
  status = co_await std::move(command);
}

// All is done and durable: nothing is left for destructors of libraries to do, which take their
// time.
[[noreturn]] void leave(int status) {
  std::fflush(nullptr);
  std::quick_exit(status);
}

store::settings store_settings(const command_line& line, const std::optional<time_limit>& limit) {
  store::settings s;
  s.variable = [](const std::string& name) -> std::optional<std::string> {
    if (!std::getenv(name.c_str())) return std::nullopt;
    return environment(name.c_str());
  };
  const auto option = [&line](const char* name) {
    const auto found = line.global.find(name);
    return found == line.global.end() ? std::string() : found->second;
  };
  s.aws_access_key_id = option("aws-access-key-id");
  s.aws_instance_profile = line.global.contains("aws-instance-profile");
  s.wabs_account_name = option("wabs-account-name");
  s.request_limit = limit ? limit->request : request_limit(line.command->name);
  if (limit) s.limit_of_all = limit->requests;
  return s;
}

[[noreturn]] void run_command(const command_line& line, std::optional<restore_mode> mode) {
  configure_encryption(gpg_key_id(line.global));
  const std::string prefix = storage_prefix(line.global);
  if (const auto status = acknowledged(line, prefix)) leave(*status);
  if (const auto status = prefetched(line, prefix, mode)) leave(*status);
  for (const implementation& i : implementations) {
    if (i.name != line.command->name) continue;
    io::runtime_options options;
    options.engine = io::engine_choice_from_environment();
    options.blocks = i.blocks + (store::wants_parts(prefix) ? i.more_blocks : 0);
    // No word here: it could be the log that is stuck.
    options.on_stuck = [mode](int) { ::_exit(code_of(kind::interrupted, mode)); };
    // Neither is taken down, on no path: threads, ring and pool would cost 10 ms, for which
    // archive_command would wait, and where a file server is dead, it would wait for that.
    static io::runtime& rt = *new io::runtime(std::move(options));
    const std::optional<time_limit> limit = time_limit_of(line, mode);
    static store::store& archive =
        *store::open_store(rt, prefix, store_settings(line, limit)).release();
    int status = 0;
    const std::chrono::seconds whole = limit ? limit->command : std::chrono::seconds::zero();
    rt.run(keep_status(i.run(context{rt, archive, line, whole}), status));
    leave(status);
  }
  throw failure(kind::bug, "a command has no implementation", std::string(line.command->name));
}

void announce(const command_spec& command) {
  log::info(
      "wal_e.main", {"starting WAL-E", "The subcommand is \"" + std::string(command.name) + "\"."});
}

int dispatch(const command_line& line, std::optional<restore_mode> mode) {
  if (line.global.contains("help") || line.has("help"))
    return print(help_text(line.subcommand ? line.subcommand : line.command));
  const bool wants_version = line.command && line.command->name == "version";
  if (line.global.contains("version") || wants_version) return print(WALE_VERSION "\n");
  if (!line.command)
    throw failure(kind::usage, "the command line was not understood", "no command was given");
  log::configure(log_destinations(line.global));
  warn_of_log_settings();
  // The prefetcher has its environment from a wal-fetch, which has said it.
  if (line.command->name != "wal-prefetch") warn_of_unknown_settings(environ);
  if (line.command->announced) announce(line.subcommand ? *line.subcommand : *line.command);
  run_command(line, mode);
}

} // namespace

int run_program(int argc, char** argv) {
  open_standard_descriptors();
  raise_open_files();
  expect_results_not_signals();
  hold_signals(true);
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  std::optional<restore_mode> mode;
  const command_spec* command = nullptr;
  try {
    mode = mode_of_recovery(arguments);
    log::configure(log_destinations({}));
    const command_line line = parse_command_line(arguments);
    command = line.command;
    if (command && line.operands.size() == command->operands.size()) mode = mode_of_recovery(line);
    return dispatch(line, mode);
  } catch (const failure& f) {
    return report(f, mode, command, arguments);
  } catch (const std::bad_alloc&) {
    return report(
        failure(
            kind::unavailable,
            "out of memory",
            "An allocation failed.",
            "wal-e needs about 64 MiB."),
        mode,
        command,
        arguments);
  } catch (const std::exception& e) {
    // WAL-E's words: people grep for them.
    return report(
        failure(kind::bug, "An unprocessed exception has avoided all error handling", e.what()),
        mode,
        command,
        arguments);
  }
}

} // namespace wale::command
