// Expected layouts are records that WAL-E 1.1.1 printed.
#include <wale/base/log.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <syslog.h>

using namespace wale;
using namespace std::chrono_literals;

namespace {

// 2026-11-20T18:40:28.651509 UTC
constexpr std::chrono::system_clock::time_point when{1795200028s + 651509us};

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
