// Sessions with a real server: answers, errors, lost and refused connections, cancellation.

#include "live.hpp"

#include <wale/io/task_group.hpp>
#include <wale/pg/connection.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <chrono>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace wale;
using namespace wale::pg;
using test::on_both_engines;
using test::outcome;
using test::outcome_of;
using test::scratch_cluster;

namespace {

task<> run_one(connection& session, std::string sql) {
  co_await session.query(std::move(sql));
}

task<> connect(io::runtime& rt, std::chrono::seconds deadline) {
  const connection session = co_await connection::open(rt, deadline);
}

/// A port of the loopback interface: listening without ever answering, or closed.
class silent_port {
public:
  silent_port() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    REQUIRE(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ::ntohs(address.sin_port);
  }
  silent_port(const silent_port&) = delete;
  silent_port& operator=(const silent_port&) = delete;
  ~silent_port() { ::close(fd_); }
  void listen() { REQUIRE(::listen(fd_, 8) == 0); }
  std::string number() const { return std::to_string(port_); }

private:
  int fd_;
  int port_ = 0;
};

task<> queries(io::runtime& rt) {
  connection session = co_await connection::open(rt);
  CHECK(session.is_open());
  CHECK(session.server_version() >= 90600);
  CHECK(session.backend_pid() > 0);

  std::vector<value> parameters;
  parameters.emplace_back("1");
  parameters.emplace_back();
  parameters.emplace_back("it's");
  const rows answer = co_await session.query(
      "SELECT $1::int + 1, $2::text, $3::text UNION ALL SELECT 7, '', 'x' ORDER BY 1",
      std::move(parameters));
  REQUIRE(answer.size() == 2);
  CHECK(answer[0] == row{"2", std::nullopt, "it's"});
  CHECK(answer[1] == row{"7", "", "x"});

  const rows nothing = co_await session.query("SELECT 1 WHERE false");
  CHECK(nothing.empty());
  const rows where =
      co_await session.query("SELECT current_database(), current_setting('application_name')");
  CHECK(where.at(0) == row{"postgres", "wal-e"});
}

task<> large_values(io::runtime& rt) {
  connection session = co_await connection::open(rt);
  std::string text(20'000'000, 'x');
  text[12345] = '\t';
  std::vector<value> parameters;
  parameters.emplace_back(text);
  const rows answer =
      co_await session.query("SELECT $1::text, length($1::text)", std::move(parameters));
  CHECK(answer.at(0).at(0) == text);
  CHECK(answer.at(0).at(1) == "20000000");
  // Bytes that are no valid UTF-8 to us come through as the server has them.
  const rows bytes = co_await session.query("SELECT U&'\\00fc'");
  CHECK(bytes.at(0).at(0) == "\xc3\xbc");
}

task<> server_errors(io::runtime& rt) {
  connection session = co_await connection::open(rt);
  const outcome syntax = co_await outcome_of(run_one(session, "SELEC 1"));
  CHECK(syntax.failed);
  CHECK(syntax.sqlstate == "42601");
  CHECK(syntax.why == kind::unavailable);
  const outcome raised = co_await outcome_of(run_one(
      session,
      "DO $$ BEGIN RAISE NOTICE 'unheard'; RAISE EXCEPTION 'first' USING DETAIL = 'second', HINT = "
      "'third'; END $$"));
  CHECK(raised.sqlstate == "P0001");
  CHECK(raised.text.msg == "PostgreSQL refused a statement: first");
  CHECK(raised.text.detail == "second");
  CHECK(raised.text.hint == "third");
  const rows still = co_await session.query("SELECT 1");
  CHECK(still.at(0).at(0) == "1");
  session.close();
  const outcome closed = co_await outcome_of(run_one(session, "SELECT 1"));
  CHECK(closed.why == kind::unavailable);
  CHECK_FALSE(session.is_open());
}

task<> terminated(io::runtime& rt) {
  connection victim = co_await connection::open(rt);
  connection other = co_await connection::open(rt);
  std::vector<value> parameters;
  parameters.emplace_back(std::to_string(victim.backend_pid()));
  co_await other.query("SELECT pg_terminate_backend($1)", std::move(parameters));
  const outcome lost = co_await outcome_of(run_one(victim, "SELECT pg_sleep(100)"));
  CHECK(lost.failed);
  CHECK(lost.why == kind::unavailable);
  CHECK(lost.text.msg == "the session with PostgreSQL was lost");
  CHECK(lost.text.detail.find("terminating connection") != std::string::npos);
  CHECK_FALSE(victim.is_open());
}

/// Waits until another session is inside pg_sleep, then cancels the group.
task<> cancel_sleeper(connection& watcher, io::task_group& group) {
  for (;;) {
    const rows count = co_await watcher.query(
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)' AND state = "
        "'active'");
    if (count.at(0).at(0) == "1") break;
  }
  group.cancel();
}

task<> cancelled(io::runtime& rt) {
  connection watcher = co_await connection::open(rt);
  connection sleeper = co_await connection::open(rt);
  io::task_group group(rt.context().get_executor());
  group.spawn(run_one(sleeper, "SELECT pg_sleep(1000)"));
  co_await cancel_sleeper(watcher, group);
  const outcome joined = co_await outcome_of(group.join());
  CHECK_FALSE(joined.failed);
  CHECK_FALSE(sleeper.is_open());
  for (;;) {
    const rows left = co_await watcher.query(
        "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)'");
    if (left.at(0).at(0) == "0") break;
  }
}

task<> refused(io::runtime& rt) {
  const outcome o = co_await outcome_of(connect(rt, std::chrono::seconds(10)));
  CHECK(o.failed);
  CHECK(o.why == kind::unavailable);
  CHECK(o.text.msg == "could not connect to PostgreSQL");
  CHECK_FALSE(o.text.detail.empty());
  CHECK(o.text.hint.find("PGHOST") != std::string::npos);
}

task<> too_slow(io::runtime& rt, std::chrono::seconds& deadline, const std::string& said) {
  const auto before = std::chrono::steady_clock::now();
  const outcome o = co_await outcome_of(connect(rt, deadline));
  CHECK(o.why == kind::unavailable);
  CHECK(o.text.msg == "could not connect to PostgreSQL");
  CHECK(o.text.detail == said);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(30));
}

task<> password(io::runtime& rt, const std::string& msg) {
  const outcome o = co_await outcome_of(connect(rt, std::chrono::seconds(10)));
  CHECK(o.failed);
  CHECK(o.why == kind::configuration);
  CHECK(o.text.msg == msg);
  CHECK_FALSE(o.text.hint.empty());
  for (const std::string& text : {o.text.msg, o.text.detail, o.text.hint})
    CHECK(text.find("hunter2") == std::string::npos);
}

} // namespace

TEST_CASE("connection: answers, errors, ends of sessions", "[live]") {
  scratch_cluster cluster;
  cluster.start();
  const test::environment here(cluster.address());
  SECTION("queries") {
    on_both_engines(queries);
  }
  SECTION("large values") {
    on_both_engines(large_values);
  }
  SECTION("server errors") {
    on_both_engines(server_errors);
  }
  SECTION("terminated") {
    on_both_engines(terminated);
  }
  SECTION("cancelled") {
    on_both_engines(cancelled);
  }
  SECTION("the database is always postgres") {
    const test::environment other("PGDATABASE", "template1");
    on_both_engines(queries);
  }
}

TEST_CASE("connection: passwords", "[live]") {
  scratch_cluster::options o;
  o.hba = "local all postgres trust\nlocal all all md5\n";
  scratch_cluster cluster(o);
  cluster.start();
  cluster.sql("CREATE ROLE walter LOGIN PASSWORD 'right'");
  const test::environment here(cluster.address());
  const test::environment walter("PGUSER", "walter");
  const std::string asks = "could not connect to PostgreSQL: it asks for a password";
  const std::string refuses =
      "could not connect to PostgreSQL: it refused the password or the role";
  on_both_engines(password, asks);
  {
    const test::environment wrong("PGPASSWORD", "hunter2");
    on_both_engines(password, refuses);
  }
  const test::environment right("PGPASSWORD", "right");
  on_both_engines(queries);
}

TEST_CASE("connection: nobody there", "[live]") {
  silent_port port;
  const test::environment tcp(
      {{"PGHOST", "127.0.0.1"}, {"PGPORT", port.number()}, {"PGSERVICE", std::nullopt}});
  SECTION("closed port") {
    on_both_engines(refused);
  }
  SECTION("no socket") {
    const test::scratch_dir dir;
    const test::environment socket("PGHOST", dir.path());
    on_both_engines(refused);
  }
  SECTION("no such option") {
    const test::environment odd("PGSSLMODE", "perhaps");
    on_both_engines(refused);
  }
  SECTION("silence, our deadline") {
    port.listen();
    std::chrono::seconds deadline(1);
    const std::string said = "Connecting did not end within 1 seconds.";
    on_both_engines(too_slow, deadline, said);
  }
  SECTION("silence, PGCONNECT_TIMEOUT") {
    port.listen();
    const test::environment timeout("PGCONNECT_TIMEOUT", "1");
    std::chrono::seconds deadline(30);
    const std::string said = "Connecting did not end within 2 seconds.";
    on_both_engines(too_slow, deadline, said);
  }
}
