// The two destinations of records. How they look is log_layout.cc's.
#include "status_line.hpp"

#include <wale/base/ascii.hpp>
#include <wale/base/log.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>
#include <utility>

namespace wale::log {
namespace {

destinations where;

int severity_of(level l) {
  switch (l) {
  case level::debug:
    return LOG_DEBUG;
  case level::info:
    return LOG_INFO;
  case level::warning:
    return LOG_WARNING;
  case level::error:
    return LOG_ERR;
  case level::critical:
    return LOG_CRIT;
  }
  return LOG_CRIT;
}

record no_syslog(int error) {
  return {
      .logger = "wal_e.main",
      .severity = level::warning,
      .text = {
          "Could not set up syslog, continuing anyway.",
          describe_errno(error),
          "Start the syslog daemon, or set WALE_LOG_DESTINATION=stderr."}};
}

std::string in_form(const record& r) {
  const auto now = std::chrono::system_clock::now();
  return where.form == format::json ? layout_json(r, now, ::getpid()) : layout(r, now, ::getpid());
}

// The descriptor stays open for the life of the process, as syslog(3)'s does.
class syslog_socket {
public:
  void send(int priority, const std::string& text) {
    const std::lock_guard lock(sending_);
    // WAL-E's handler ends its datagrams with a NUL, which also parts records in a stream.
    const std::string datagram = "<" + std::to_string(priority) + ">" + text + '\0';
    if (!connected() && !connect()) return;
    if (is_sent_or_dropped(datagram)) return;
    // A backup outlasts the daemon's restart.
    ::close(std::exchange(fd_, -1));
    if (connect()) is_sent_or_dropped(datagram);
  }

  void close() {
    if (connected()) ::close(std::exchange(fd_, -1));
    given_up_ = was_there_ = false;
  }

private:
  bool connected() const { return fd_ >= 0; }

  bool connect() {
    if (given_up_) return false;
    int refused = 0;
    for (const char* path : where.syslog_sockets) {
      if (!path) continue;
      int error = connect_to(path, SOCK_DGRAM);
      if (error == EPROTOTYPE) error = connect_to(path, SOCK_STREAM);
      if (error == 0) return was_there_ = true;
      if (error == EACCES || error == ECONNREFUSED) refused = error;
    }
    given_up_ = !was_there_;
    if (refused && given_up_) complain(refused);
    return false;
  }

  bool is_sent_or_dropped(const std::string& datagram) {
    const ssize_t n = ::send(fd_, datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // The rest of half a record in a stream would be taken for the next one's.
    if (n >= 0 && static_cast<std::size_t>(n) < datagram.size()) ::close(std::exchange(fd_, -1));
    return n >= 0 || errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS;
  }

  // 0, or why not.
  int connect_to(const char* path, int type) {
    const int fd = ::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      fd_ = fd;
      return 0;
    }
    const int error = errno;
    ::close(fd);
    return error;
  }

  // On stderr whatever the destinations are; as text in WAL-E's words.
  static void complain(int error) {
    std::string text =
        where.form == format::json
            ? in_form(no_syslog(error))
            : "wal-e: Could not set up syslog, continuing anyway.  (" + describe_errno(error) + ")";
    write_plain(text + "\n");
  }

  std::mutex sending_; // records come from threads of the CPU pool too
  int fd_ = -1;
  bool given_up_ = false;
  bool was_there_ = false;
};

syslog_socket to_syslog;

std::mutex writing_stderr;
status_line status;

std::size_t columns_of_terminal() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

// Not while it was stopped by Ctrl-S, for which nothing must wait, nor over another job's input.
bool may_write_to_terminal() {
  pollfd terminal{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&terminal, 1, 0) != 1 || !(terminal.revents & POLLOUT)) return false;
  const pid_t foreground = ::tcgetpgrp(STDERR_FILENO);
  return foreground < 0 || foreground == ::getpgrp();
}

bool is_told_to_end() {
  sigset_t held_back;
  sigemptyset(&held_back);
  ::sigpending(&held_back);
  return sigismember(&held_back, SIGTERM) == 1 || sigismember(&held_back, SIGINT) == 1;
}

// Waits for a reader that stands still, but not with a signal that is held back until there is a
// loop to answer it: that would never be.
bool wait_for_reader(int fd) {
  constexpr int turn_ms = 100;
  pollfd reader{fd, POLLOUT, 0};
  if (::poll(&reader, 1, 0) != 0) return true;
  if (::fcntl(fd, F_GETFL) & O_NONBLOCK) return false;
  while (::poll(&reader, 1, turn_ms) == 0)
    if (is_told_to_end()) return false;
  return true;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    if (!wait_for_reader(fd)) return;
    // Not more than there is room for where poll says that there is some.
    const ssize_t n = ::write(fd, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

} // namespace

void configure(const destinations& d) {
  if (d.syslog_sockets != where.syslog_sockets) to_syslog.close();
  where = d;
}

const destinations& configured() {
  return where;
}

void parse_destination(std::string_view list, destinations& d) {
  d.to_stderr = d.to_syslog = false;
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view word = list.substr(0, comma);
    if (word == "stderr") d.to_stderr = true;
    if (word == "syslog") d.to_syslog = true;
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

int parse_facility(std::string_view name) {
  struct entry {
    std::string_view name;
    int value;
  };
  static constexpr std::array<entry, 20> known{{
      {"kern", LOG_KERN},     {"user", LOG_USER},         {"mail", LOG_MAIL},
      {"daemon", LOG_DAEMON}, {"auth", LOG_AUTH},         {"syslog", LOG_SYSLOG},
      {"lpr", LOG_LPR},       {"news", LOG_NEWS},         {"uucp", LOG_UUCP},
      {"cron", LOG_CRON},     {"authpriv", LOG_AUTHPRIV}, {"ftp", LOG_FTP},
      {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
      {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5},
      {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
  }};
  const std::string lower = lower_case(name);
  for (const entry& e : known)
    if (e.name == lower) return e.value;
  return -1;
}

void write(const record& r) {
  if (r.severity < where.least) return;
  const std::string text = in_form(r);
  if (where.to_stderr) {
    const std::lock_guard lock(writing_stderr);
    write_all(STDERR_FILENO, status.below(text + "\n"));
  }
  if (where.to_syslog) to_syslog.send(where.facility | severity_of(r.severity), text);
}

void write_plain(std::string_view text) {
  const std::lock_guard lock(writing_stderr);
  write_all(STDERR_FILENO, text);
}

bool has_terminal() {
  return where.to_stderr && where.least <= level::info && ::isatty(STDERR_FILENO);
}

void show_status(std::string_view line) {
  const std::lock_guard lock(writing_stderr);
  if (!may_write_to_terminal()) return;
  write_all(STDERR_FILENO, status.change(line, columns_of_terminal()));
}

void debug(std::string_view logger, explanation text, std::vector<field> structured) {
  write({logger, level::debug, std::move(text), std::move(structured)});
}

void info(std::string_view logger, explanation text, std::vector<field> structured) {
  write({logger, level::info, std::move(text), std::move(structured)});
}

void warning(std::string_view logger, explanation text, std::vector<field> structured) {
  write({logger, level::warning, std::move(text), std::move(structured)});
}

} // namespace wale::log
