// Backups' sessions with real servers of the version under test, as superuser and with grants, on a
// primary and on a standby.

#include "live.hpp"

#include <wale/pg/backup_session.hpp>
#include <wale/pg/data_dir.hpp>

#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace wale;
using namespace wale::pg;
using test::on_both_engines;
using test::outcome;
using test::outcome_of;
using test::scratch_cluster;

namespace {

task<> lock(backup_session& session) {
  co_await session.lock();
}

/// A session that was closed keeps its lock until the server has noticed.
task<> lock_soon(backup_session& session) {
  for (;;) {
    const outcome o = co_await outcome_of(lock(session));
    if (!o.failed) co_return;
    REQUIRE(o.why == kind::refused);
  }
}

task<> ping(backup_session& session) {
  co_await session.ping();
}
task<> begin(backup_session& session) {
  co_await session.begin("label", true);
}

task<> facts(io::runtime& rt, scratch_cluster& cluster) {
  const backup_session session = co_await backup_session::open(rt);
  const server_facts& f = session.facts();
  const int major = cluster.major() == 9 ? 906 : cluster.major();
  CHECK(f.major() == major);
  CHECK(f.version_text == cluster.sql("SELECT version()"));
  CHECK(std::to_string(f.version) == cluster.sql("SHOW server_version_num"));
  CHECK_FALSE(f.in_recovery);
  CHECK(f.data_directory == cluster.data());
  CHECK(f.log_directory == cluster.sql("SHOW log_directory"));
  CHECK(f.missing.empty());
  CHECK(f.archive_mode == "on");
  CHECK(f.archive_command == "true %p");
  CHECK(f.is_archiving());
  CHECK(f.wal_segment_size == read_control_file(cluster.data()).data.wal_segment_size);
  const control_image control = read_control_file(cluster.data());
  CHECK(f.system_identifier == control.data.system_identifier);
  require_same_cluster(cluster.data(), control.data, f);
}

task<> whole_backup(io::runtime& rt, scratch_cluster& cluster) {
  backup_session session = co_await backup_session::open(rt);
  co_await lock_soon(session);
  const backup_start started = co_await session.begin("freeze_start_\xc3\xbc", true);
  const std::string name_of = cluster.function("pg_walfile_name");
  CHECK(
      started.segment.name() ==
      cluster.sql("SELECT " + name_of + "('" + to_string(started.position) + "')"));
  CHECK(started.tli == timeline{1});
  CHECK(started.offset == started.position.value % session.facts().wal_segment_size.bytes());
  CHECK(read_control_file(cluster.data()).data.redo == started.position);
  co_await session.ping();

  const std::string before = cluster.sql("SELECT " + cluster.function("pg_current_wal_lsn") + "()");
  const backup_stop stopped = co_await session.stop();
  CHECK(stopped.position >= parse_lsn(before));
  CHECK(stopped.position > started.position);
  CHECK(stopped.segment >= started.segment);
  // Before 17, pg_walfile_name of a boundary is the segment before it, as here.
  CHECK(
      stopped.segment ==
      wal_segment::before(stopped.position, timeline{1}, session.facts().wal_segment_size));
  const backup_label label = parse_backup_label(stopped.backup_label);
  CHECK(label.label == "freeze_start_\xc3\xbc");
  CHECK(label.start == started.position);
  CHECK(stopped.backup_label.find("BACKUP METHOD: streamed") != std::string::npos);
  CHECK(stopped.tablespace_map.find("/spc") != std::string::npos);
  const archiver_status archiver = co_await session.archiver();
  CHECK(archiver.failed_count == 0);
  // The session can be used for another one.
  const backup_start again = co_await session.begin("again", true);
  CHECK(again.position > started.position);
}

/// Two sessions: the lock is of the session, and ends with it.
task<> locks(io::runtime& rt) {
  backup_session first = co_await backup_session::open(rt);
  backup_session second = co_await backup_session::open(rt);
  co_await lock_soon(first);
  const outcome held = co_await outcome_of(lock(second));
  CHECK(held.failed);
  CHECK(held.why == kind::refused);
  CHECK(held.text.msg == "another backup is running");
  first.close();
  co_await lock_soon(second);
}

task<> timeouts(io::runtime& rt) {
  // The role's settings would end the session after 50 ms; in which a busy machine may not come to
  // the statement that replaces them.
  std::optional<backup_session> session;
  for (int i = 0; i < 100 && !session; ++i) {
    try {
      session.emplace(co_await backup_session::open(rt));
    } catch (const failure&) {
    }
  }
  REQUIRE(session);
  co_await session->begin("label", true);
  co_await rt.sleep(std::chrono::milliseconds(200));
  co_await session->ping();
  co_await session->stop();
}

task<> restarted(io::runtime& rt, scratch_cluster& cluster) {
  backup_session session = co_await backup_session::open(rt);
  co_await session.begin("label", true);
  cluster.stop(SIGINT);
  cluster.start();
  const outcome o = co_await outcome_of(ping(session));
  CHECK(o.failed);
  CHECK(o.why == kind::unavailable);
  CHECK_FALSE(o.text.hint.empty());
}

task<> without_rights(io::runtime& rt, const std::string& function) {
  backup_session session = co_await backup_session::open(rt);
  const server_facts& f = session.facts();
  CHECK_FALSE(f.data_directory);
  CHECK_FALSE(f.system_identifier);
  REQUIRE(f.missing.size() == 2);
  CHECK(
      f.missing[0].hint.find("GRANT EXECUTE ON FUNCTION pg_control_system()") != std::string::npos);
  CHECK_FALSE(f.missing[1].hint.empty());
  co_await lock_soon(session);
  const outcome o = co_await outcome_of(begin(session));
  CHECK(o.why == kind::configuration);
  CHECK(o.sqlstate == "42501");
  CHECK(o.text.hint == "As a superuser: GRANT EXECUTE ON FUNCTION " + function + " TO the role.");
}

task<> with_grants(io::runtime& rt, scratch_cluster& cluster) {
  backup_session session = co_await backup_session::open(rt);
  const server_facts& f = session.facts();
  CHECK(f.system_identifier == read_control_file(cluster.data()).data.system_identifier);
  if (cluster.major() >= 10) {
    CHECK(f.missing.empty());
    CHECK(f.data_directory == cluster.data());
  }
  co_await lock_soon(session);
  const backup_start started = co_await session.begin("label", true);
  co_await session.ping();
  const backup_stop stopped = co_await session.stop();
  CHECK(parse_backup_label(stopped.backup_label).start == started.position);
  co_await session.archiver();
}

task<> standby_backup(io::runtime& rt, scratch_cluster& standby) {
  backup_session session = co_await backup_session::open(rt);
  CHECK(session.facts().in_recovery);
  const backup_start started = co_await session.begin("label", true);
  const control_data control = read_control_file(standby.data()).data;
  CHECK(started.position == control.redo);
  CHECK(started.tli == control.tli);
  const backup_stop stopped = co_await session.stop();
  CHECK(stopped.backup_label.find("BACKUP FROM: standby") != std::string::npos);
  CHECK(stopped.position >= started.position);
}

task<> promoted(io::runtime& rt, scratch_cluster& standby) {
  backup_session session = co_await backup_session::open(rt);
  co_await session.begin("label", true);
  co_await session.ping();
  standby.promote();
  const outcome o = co_await outcome_of(ping(session));
  CHECK(o.failed);
  CHECK(o.why == kind::unavailable);
  CHECK(o.text.detail == "The server was promoted.");
}

task<> other_cluster(io::runtime& rt, scratch_cluster& other, const std::string& detail) {
  const backup_session session = co_await backup_session::open(rt);
  const control_data control = read_control_file(other.data()).data;
  try {
    require_same_cluster(other.data(), control, session.facts());
    CHECK(detail == "accepted");
  } catch (const failure& f) {
    CHECK(f.why() == kind::refused);
    CHECK(f.text().detail.find(detail) != std::string::npos);
  }
}

scratch_cluster::options archiving() {
  scratch_cluster::options o;
  o.settings = "archive_mode = on\narchive_command = 'true %p'\n";
  return o;
}

std::string start_function(const scratch_cluster& cluster) {
  return cluster.major() < 15 ? "pg_start_backup(text, boolean, boolean)"
                              : "pg_backup_start(text, boolean)";
}

std::string stop_function(const scratch_cluster& cluster) {
  if (cluster.major() == 9) return "pg_stop_backup(boolean)";
  return cluster.major() < 15 ? "pg_stop_backup(boolean, boolean)" : "pg_backup_stop(boolean)";
}

} // namespace

TEST_CASE("backup session: a primary, as superuser", "[live]") {
  scratch_cluster cluster(archiving());
  cluster.start();
  const test::environment here(cluster.address());
  on_both_engines(facts, cluster);

  // The map is given byte by byte: a location in two alphabets.
  cluster.sql("CREATE TABLESPACE one LOCATION '" + cluster.make_directory("spc \xc3\xbc") + "'");
  on_both_engines(whole_backup, cluster);

  on_both_engines(locks);

  std::string impatient =
      "ALTER ROLE postgres SET statement_timeout = 50; ALTER ROLE postgres SET lock_timeout = 50;"
      "ALTER ROLE postgres SET idle_in_transaction_session_timeout = 50;";
  if (cluster.major() >= 14) impatient += "ALTER ROLE postgres SET idle_session_timeout = 50;";
  cluster.sql(impatient);
  on_both_engines(timeouts);
  {
    std::string patient = "-c statement_timeout=0 -c lock_timeout=0";
    if (cluster.major() >= 14) patient += " -c idle_session_timeout=0";
    const test::environment options("PGOPTIONS", patient);
    cluster.sql("ALTER ROLE postgres RESET ALL");
  }

  on_both_engines(restarted, cluster);
}

TEST_CASE("backup session: with the documented grants only", "[live]") {
  scratch_cluster cluster(archiving());
  cluster.start();
  cluster.sql(
      "CREATE ROLE walter LOGIN; REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC");
  const test::environment here(cluster.address());
  const test::environment walter("PGUSER", "walter");
  const std::string function = start_function(cluster);
  on_both_engines(without_rights, function);

  cluster.sql(
      "GRANT EXECUTE ON FUNCTION " + start_function(cluster) +
      " TO walter; GRANT EXECUTE ON FUNCTION " + stop_function(cluster) +
      " TO walter; GRANT EXECUTE ON FUNCTION pg_control_system() TO walter;");
  if (cluster.major() >= 10) cluster.sql("GRANT pg_read_all_settings TO walter");
  on_both_engines(with_grants, cluster);
}

TEST_CASE("backup session: the directory of another server, without the right to ask", "[live]") {
  scratch_cluster cluster;
  cluster.start();
  cluster.sql("CREATE ROLE walter LOGIN");
  cluster.stop(SIGINT);
  scratch_cluster copy(cluster.data());
  cluster.start();
  const test::environment here(cluster.address());
  const test::environment walter("PGUSER", "walter");
  const std::string accepted = "accepted";
  on_both_engines(other_cluster, cluster, accepted);
  const std::string stopped = "No server runs on \"" + copy.data() + "\".";
  on_both_engines(other_cluster, copy, stopped);
  std::ofstream(copy.data() + "/postmaster.pid") << "1\n" << copy.data() << "\n0\n5433\n";
  const std::string port = "has port 5433, the connected one 5432.";
  on_both_engines(other_cluster, copy, port);
}

TEST_CASE("backup session: a standby", "[live]") {
  scratch_cluster primary(archiving());
  primary.start();
  const auto standby = primary.make_standby();
  {
    const test::environment here(standby->address());
    on_both_engines(standby_backup, *standby);
    // Both have the same system identifier; the directory tells them apart.
    const std::string directory = "the server's is \"" + standby->data() + "\"";
    on_both_engines(other_cluster, primary, directory);
  }
  scratch_cluster stranger;
  {
    const test::environment here(primary.address());
    const std::string identifier = "has the system identifier";
    on_both_engines(other_cluster, stranger, identifier);
    const std::string accepted = "accepted";
    on_both_engines(other_cluster, primary, accepted);
  }
  const test::environment here(standby->address());
  io::runtime_options options;
  options.handle_signals = false;
  io::runtime rt(options);
  rt.run(promoted(rt, *standby));
}
