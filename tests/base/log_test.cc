// Expected layouts are records that WAL-E 1.1.1 printed.
#include "support/captured_stderr.hpp"
#include "support/scratch_dir.hpp"

#include <wale/base/log.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstring>
#include <optional>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

using namespace wale;
using namespace std::chrono_literals;

namespace {

// 2026-11-20T18:40:28.651509 UTC
constexpr std::chrono::system_clock::time_point when{1795200028s + 651509us};

// A syslog daemon's socket.
class listening_socket {
public:
  explicit listening_socket(const std::string& path, int type = SOCK_DGRAM)
      : fd_(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(fd_, 1) == 0);
  }
  listening_socket(const listening_socket&) = delete;
  listening_socket& operator=(const listening_socket&) = delete;
  ~listening_socket() { ::close(fd_); }

  std::optional<std::string> next() const { return received_from(fd_); }

  /// All that the first who connected has sent by now.
  std::optional<std::string> stream() const {
    const int fd = ::accept(fd_, nullptr, nullptr);
    if (fd < 0) return std::nullopt;
    auto text = received_from(fd);
    ::close(fd);
    return text;
  }

private:
  static std::optional<std::string> received_from(int fd) {
    std::array<char, 65536> buffer;
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0) return std::nullopt;
    return std::string(buffer.data(), static_cast<std::size_t>(n));
  }

  int fd_;
};

log::destinations only_syslog(const std::string& socket) {
  log::destinations to;
  to.to_stderr = false;
  to.syslog_sockets = {socket.c_str(), nullptr, nullptr};
  return to;
}

// Records go nowhere any more.
void be_silent() {
  log::destinations to;
  to.to_stderr = to.to_syslog = false;
  log::configure(to);
}

std::string json_of(std::string detail) {
  log::record r;
  r.logger = "l";
  r.text = {"m", std::move(detail)};
  const std::string text = log::layout_json(r, when, 7);
  const std::string before = R"("msg": "m", "detail": )";
  const std::size_t at = text.find(before);
  REQUIRE(at != std::string::npos);
  return text.substr(at + before.size(), text.size() - at - before.size() - 1);
}

} // namespace

TEST_CASE("a record is laid out as WAL-E's") {
  log::record r;
  r.logger = "wal_e.worker.upload";
  r.text = {"begin archiving a file", "Uploading \"a\" to \"b\"."};
  r.structured = {{"state", "begin"}, {"action", "push-wal"}, {"seg", "000000010000000000000001"}};
  CHECK(
      log::layout(r, when, 2102) ==
      "wal_e.worker.upload INFO     MSG: begin archiving a file\n"
      "        DETAIL: Uploading \"a\" to \"b\".\n"
      "        STRUCTURED: time=2026-11-20T18:40:28.651509-00 pid=2102 action=push-wal "
      "seg=000000010000000000000001 state=begin");
}

TEST_CASE("short logger names are padded, and a record may have no fields") {
  log::record r;
  r.logger = "wal_e.main";
  r.text = {"starting WAL-E", "The subcommand is \"backup-list\"."};
  CHECK(
      log::layout(r, when, 7) == "wal_e.main   INFO     MSG: starting WAL-E\n"
                                 "        DETAIL: The subcommand is \"backup-list\".\n"
                                 "        STRUCTURED: time=2026-11-20T18:40:28.651509-00 pid=7");
}

TEST_CASE("embedded newlines are indented, so that a record stays one") {
  log::record r;
  r.logger = "wal_e.main";
  r.severity = log::level::critical;
  r.text = {"m", "one\ntwo", "h"};
  CHECK(
      log::layout(r, when, 7) == "wal_e.main   CRITICAL MSG: m\n"
                                 "        DETAIL: one\n"
                                 "        two\n"
                                 "        HINT: h\n"
                                 "        STRUCTURED: time=2026-11-20T18:40:28.651509-00 pid=7");
}

TEST_CASE("destinations are a list without trimming, unknown words are ignored") {
  const auto parsed = [](std::string_view list) {
    log::destinations d;
    log::parse_destination(list, d);
    return std::pair(d.to_stderr, d.to_syslog);
  };
  CHECK(parsed("stderr,syslog") == std::pair(true, true));
  CHECK(parsed("syslog") == std::pair(false, true));
  CHECK(parsed("stderr") == std::pair(true, false));
  CHECK(parsed("") == std::pair(false, false));
  CHECK(parsed("stderr, syslog") == std::pair(true, false));
  CHECK(parsed("file,,stderr") == std::pair(true, false));
}

TEST_CASE("facilities are known by name in any case") {
  CHECK(log::parse_facility("user") == LOG_USER);
  CHECK(log::parse_facility("LOCAL0") == LOG_LOCAL0);
  CHECK(log::parse_facility("Daemon") == LOG_DAEMON);
  CHECK(log::parse_facility("local8") == -1);
  CHECK(log::parse_facility("local0,x") == -1);
  CHECK(log::parse_facility("") == -1);
}

TEST_CASE("a record as JSON") {
  log::record r;
  r.logger = "wal_e.worker.upload";
  r.text = {"begin archiving a file", "Uploading \"a\" to \"b\"."};
  r.structured = {{"state", "begin"}, {"action", "push-wal"}};
  CHECK(
      log::layout_json(r, when, 2102) ==
      R"({"time": "2026-11-20T18:40:28.651509Z", "level": "INFO", "logger": "wal_e.worker.upload", )"
      R"("pid": 2102, "msg": "begin archiving a file", "detail": "Uploading \"a\" to \"b\".", )"
      R"("structured": {"action": "push-wal", "state": "begin"}})");
  log::record short_one;
  short_one.logger = "wal_e.main";
  short_one.severity = log::level::critical;
  short_one.text = {.msg = "m", .hint = "h"};
  CHECK(
      log::layout_json(short_one, when, 7) ==
      R"({"time": "2026-11-20T18:40:28.651509Z", "level": "CRITICAL", "logger": "wal_e.main", )"
      R"("pid": 7, "msg": "m", "hint": "h"})");
}

// RFC 8259, section 7; RFC 3629, section 4, and its examples in section 7.
TEST_CASE("JSON stays one line of UTF-8 whatever a record says") {
  CHECK(json_of("a\nb\r\t\x01\x7f\\\"") == R"("a\u000ab\u000d\u0009\u0001\u007f\\\"")");
  CHECK(json_of(std::string("nul\0!", 5)) == R"("nul\u0000!")");
  for (const char* fine :
       {"h\xc3\xa9", "A\xe2\x89\xa2\xce\x91.", "\xed\x95\x9c", "\xf0\xa3\x8e\xb4"})
    CHECK(json_of(fine) == "\"" + std::string(fine) + "\"");
  const std::string instead = "\xef\xbf\xbd";
  CHECK(json_of("caf\xe9") == "\"caf" + instead + "\"");
  CHECK(json_of("\xe9t\xe9") == "\"" + instead + "t" + instead + "\"");
  CHECK(json_of("cut \xe2\x89") == "\"cut " + instead + instead + "\"");
  // Overlong, a surrogate, beyond the last code point, a byte that never occurs.
  CHECK(json_of("\xc0\x80") == "\"" + instead + instead + "\"");
  CHECK(json_of("\xe0\x80\x80") == "\"" + instead + instead + instead + "\"");
  CHECK(json_of("\xed\xa0\x80") == "\"" + instead + instead + instead + "\"");
  CHECK(json_of("\xf4\x90\x80\x80") == "\"" + instead + instead + instead + instead + "\"");
  CHECK(json_of("\xff") == "\"" + instead + "\"");
}

// RFC 3164, section 4.1.1: facility times 8 plus severity.
TEST_CASE(
    "syslog gets one datagram for a record, with facility and severity, and a NUL at its end") {
  const test::scratch_dir dir;
  const std::string path = dir / "log";
  const listening_socket daemon(path);
  log::destinations to = only_syslog(path);
  to.facility = log::parse_facility("local3");
  log::configure(to);
  log::warning("wal_e.main", {"m", "one\ntwo"}, {{"b", "2"}, {"a", "1"}});
  log::write({.logger = "wal_e.main", .severity = log::level::critical, .text = {"c"}});
  to.form = log::format::json;
  to.least = log::level::warning;
  log::configure(to);
  log::info("wal_e.main", {"unseen"});
  log::warning("wal_e.main", {"as JSON"});
  be_silent();

  const std::string first = daemon.next().value_or("none");
  CHECK(first.starts_with("<156>wal_e.main   WARNING  MSG: m\n        DETAIL: one\n        two\n"));
  CHECK(first.ends_with(" a=1 b=2" + std::string(1, '\0')));
  CHECK(daemon.next().value_or("none").starts_with("<154>wal_e.main   CRITICAL MSG: c\n"));
  const std::string json = daemon.next().value_or("none");
  CHECK(json.starts_with("<156>{\"time\": \""));
  CHECK(json.ends_with("\"msg\": \"as JSON\"}" + std::string(1, '\0')));
  CHECK_FALSE(daemon.next());
}

// As WAL-E's handler: there are daemons that are set up with unix-stream("/dev/log").
TEST_CASE("a syslog socket of streams gets the records with a NUL between them") {
  const test::scratch_dir dir;
  const std::string path = dir / "log";
  const listening_socket daemon(path, SOCK_STREAM);
  log::configure(only_syslog(path));
  log::info("wal_e.main", {"first"});
  log::info("wal_e.main", {"second"});
  const std::string text = daemon.stream().value_or("none");
  be_silent();
  CHECK(text.starts_with("<14>wal_e.main   INFO     MSG: first\n"));
  CHECK(text.find(std::string(1, '\0') + "<14>wal_e.main   INFO     MSG: second\n") != text.npos);
  CHECK(text.ends_with('\0'));
}

TEST_CASE("a syslog daemon that is started anew gets the records again") {
  const test::scratch_dir dir;
  const std::string path = dir / "log";
  const test::captured_stderr captured;
  {
    const listening_socket before(path);
    log::configure(only_syslog(path));
    log::info("wal_e.main", {"first"});
    CHECK(before.next());
  }
  log::info("wal_e.main", {"nobody's"});
  ::unlink(path.c_str());
  const listening_socket after(path);
  log::info("wal_e.main", {"second"});
  be_silent();
  CHECK(after.next().value_or("none").starts_with("<14>wal_e.main   INFO     MSG: second\n"));
  CHECK(captured.text().empty());
}

TEST_CASE("a syslog socket that nobody listens at is told once, on stderr, in the records' form") {
  const test::scratch_dir dir;
  const std::string path = dir / "log";
  { const listening_socket gone(path); }
  const test::captured_stderr captured;
  log::destinations to = only_syslog(path);
  log::configure(to);
  log::info("wal_e.main", {"m"});
  log::info("wal_e.main", {"m"});
  const std::string line = "wal-e: Could not set up syslog, continuing anyway.";
  CHECK(captured.text().starts_with(line));
  CHECK(captured.text().find(line, 1) == std::string::npos);
  be_silent();
  to.form = log::format::json;
  log::configure(to);
  log::info("wal_e.main", {"m"});
  CHECK(captured.text().find("\n{\"time\": ") != std::string::npos);
}
