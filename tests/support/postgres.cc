// Starts servers as children of the test, which therefore can wait for them and take them along.

#include "support/postgres.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <pwd.h>
#include <spawn.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace wale::test {

namespace {

constexpr const char* debian = "/usr/lib/postgresql/15/bin/";

struct user {
  uid_t uid;
  gid_t gid;
};

/// Who runs the server: PostgreSQL refuses to run as root.
user server_user() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid()};
  const passwd* found = ::getpwnam("postgres");
  if (found == nullptr) found = ::getpwnam("nobody");
  REQUIRE(found != nullptr);
  return {found->pw_uid, found->pw_gid};
}

std::vector<std::string> as_server_user(const std::vector<std::string>& arguments) {
  std::vector<std::string> all;
  const user who = server_user();
  // The signal is sent when the test ends in whatever way: immediate shutdown.
  all = {"setpriv", "--pdeathsig", "QUIT"};
  if (::geteuid() == 0) {
    all.push_back("--reuid=" + std::to_string(who.uid));
    all.push_back("--regid=" + std::to_string(who.gid));
    all.push_back("--clear-groups");
  }
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

void give_away(const std::string& path) {
  const user who = server_user();
  REQUIRE(::chown(path.c_str(), who.uid, who.gid) == 0);
}

/// stdout and stderr go to `output`, stdin is empty.
pid_t spawn(const std::vector<std::string>& arguments, int output) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  ::posix_spawn_file_actions_adddup2(&actions, output, 2);
  std::vector<char*> argv;
  for (const std::string& a : arguments)
    argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  INFO(arguments[0]);
  REQUIRE(error == 0);
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_all(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  give_away(path);
}

/// Until `condition` holds; a minute is more than any server needs.
template <class Condition> bool poll(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

} // namespace

program_result run_program(const std::vector<std::string>& arguments) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t pid = spawn(arguments, ends[1]);
  ::close(ends[1]);
  program_result result;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t n = ::read(ends[0], buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    result.output.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(ends[0]);
  result.status = wait_for(pid);
  return result;
}

environment::environment(const std::map<std::string, std::optional<std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    const char* old = ::getenv(name.c_str());
    before_[name] = old == nullptr ? std::nullopt : std::optional<std::string>(old);
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
}

environment::environment(const std::string& name, const std::optional<std::string>& value)
    : environment(std::map<std::string, std::optional<std::string>>{{name, value}}) {}

environment::~environment() {
  for (const auto& [name, value] : before_) {
    if (value)
      ::setenv(name.c_str(), value->c_str(), 1);
    else
      ::unsetenv(name.c_str());
  }
}

std::string server_program(const std::string& name) {
  const char* other = ::getenv("WALE_TEST_PG_BIN");
  return (other == nullptr ? std::string(debian) : std::string(other) + "/") + name;
}

std::string client_program(const std::string& name) {
  return debian + name;
}

scratch_cluster::scratch_cluster() : scratch_cluster(options{}) {}

scratch_cluster::scratch_cluster(const options& o) : data_(dir_ / "data") {
  give_away(dir_.path());
  std::vector<std::string> command = {
      server_program("initdb"),
      "-D",
      data_,
      "-A",
      "trust",
      "-U",
      "postgres",
      "-N",
      "-E",
      "UTF8",
      "--locale=C"};
  command.insert(command.end(), o.initdb.begin(), o.initdb.end());
  const program_result made = run_program(as_server_user(command));
  INFO(made.output);
  REQUIRE(made.status == 0);
  detect_version();
  write_all(
      dir_ / "data/postgresql.conf",
      "listen_addresses = ''\nunix_socket_directories = '" + dir_.path() +
          "'\nautovacuum = off\ncheckpoint_timeout = 1h\nfsync = off\nmax_connections = "
          "20\nmax_wal_senders = 4\nwal_level = replica\n"
          "hot_standby = on\nshared_buffers = 16MB\n" +
          o.settings);
  write_all(dir_ / "data/pg_hba.conf", o.hba);
}

scratch_cluster::scratch_cluster(const std::string& copied_from) : data_(dir_ / "data") {
  give_away(dir_.path());
  const program_result copied = run_program(as_server_user({"cp", "-a", copied_from, data_}));
  INFO(copied.output);
  REQUIRE(copied.status == 0);
  detect_version();
  std::ofstream(dir_ / "data/postgresql.conf", std::ios::app)
      << "unix_socket_directories = '" << dir_.path() << "'\n";
}

std::unique_ptr<scratch_cluster> scratch_cluster::make_standby() {
  stop(SIGINT);
  auto standby = std::make_unique<scratch_cluster>(data_);
  start();
  const std::string source = "primary_conninfo = 'host=" + dir_.path() + " user=postgres'\n";
  if (major_ >= 12) {
    std::ofstream(standby->data_ + "/postgresql.conf", std::ios::app) << source;
    write_all(standby->data_ + "/standby.signal", "");
  } else {
    write_all(standby->data_ + "/recovery.conf", "standby_mode = on\n" + source);
  }
  standby->start();
  return standby;
}

scratch_cluster::~scratch_cluster() {
  if (server_ > 0) stop(SIGQUIT);
}

void scratch_cluster::detect_version() {
  major_ = std::atoi(content(dir_ / "data/PG_VERSION").c_str());
}

void scratch_cluster::start() {
  const int log =
      ::open((dir_ / "server.log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  REQUIRE(log >= 0);
  const environment here(address());
  server_ = spawn(as_server_user({server_program("postgres"), "-D", data_}), log);
  ::close(log);
  const bool is_up = poll([&] {
    if (::kill(server_, 0) != 0 || ::waitpid(server_, nullptr, WNOHANG) == server_) server_ = -1;
    return server_ < 0 || accepts_connections();
  });
  INFO(content(dir_ / "server.log"));
  REQUIRE(is_up);
  REQUIRE(server_ > 0);
}

bool scratch_cluster::accepts_connections() const {
  return run_program({client_program("pg_isready"), "-q"}).status == 0;
}

void scratch_cluster::stop(int how) {
  ::kill(server_, how);
  wait_for(server_);
  server_ = -1;
}

void scratch_cluster::promote() {
  const program_result done =
      run_program(as_server_user({server_program("pg_ctl"), "promote", "-s", "-D", data_}));
  INFO(done.output);
  REQUIRE(done.status == 0);
  wait_until("SELECT NOT pg_is_in_recovery()");
}

std::string scratch_cluster::make_directory(const std::string& name) const {
  dir_.make(name);
  give_away(dir_ / name);
  return dir_ / name;
}

std::string scratch_cluster::function(const std::string& name) const {
  std::string old = name;
  if (major_ >= 10) return old;
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const std::size_t at = old.find(from); at != std::string::npos)
      old.replace(at, from.size(), to);
  };
  replace("_wal_lsn", "_xlog_location");
  replace("_wal_replay_lsn", "_xlog_replay_location");
  replace("_wal", "_xlog");
  return old;
}

std::map<std::string, std::optional<std::string>> scratch_cluster::address() const {
  return {
      {"PGHOST", dir_.path()},
      {"PGPORT", "5432"},
      {"PGUSER", "postgres"},
      {"PGPASSWORD", std::nullopt},
      {"PGPASSFILE", "/nowhere/pgpass"},
      {"PGSERVICE", std::nullopt},
      {"PGOPTIONS", std::nullopt},
      {"PGDATABASE", std::nullopt},
      {"PGCONNECT_TIMEOUT", std::nullopt},
      {"PGDATA", std::nullopt}};
}

std::string scratch_cluster::sql(const std::string& statements) const {
  const environment here(address());
  program_result done = run_program(
      {client_program("psql"),
       "-XAtq",
       "-v",
       "ON_ERROR_STOP=1",
       "-d",
       "postgres",
       "-c",
       statements});
  INFO(statements << "\n" << done.output);
  REQUIRE(done.status == 0);
  while (!done.output.empty() && done.output.back() == '\n')
    done.output.pop_back();
  return done.output;
}

void scratch_cluster::wait_until(const std::string& query) const {
  INFO(query);
  REQUIRE(poll([&] { return sql(query) == "t"; }));
}

} // namespace wale::test
