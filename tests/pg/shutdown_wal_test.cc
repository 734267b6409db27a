// Ranges by hand; that servers start from them is shown end to end.
#include <wale/base/error.hpp>
#include <wale/pg/shutdown_wal.hpp>

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::pg;

namespace {

control_data shut_down_at(std::uint64_t position) {
  control_data c;
  c.state = cluster_state::shut_down;
  c.checkpoint = c.redo = lsn{position};
  c.tli = timeline{1};
  return c;
}

std::string refusal(const control_data& c) {
  try {
    wal_of_shutdown(c);
  } catch (const failure& f) {
    CHECK(f.why() == kind::refused);
    CHECK_FALSE(f.text().hint.empty());
    return f.text().detail;
  }
  return "";
}

} // namespace

TEST_CASE("a primary needs the segment of its last checkpoint") {
  const shutdown_wal w = wal_of_shutdown(shut_down_at(0x3000028));
  CHECK(w.first.name() == "000000010000000000000003");
  CHECK(w.last == w.first);
  CHECK(w.stop == w.start);
  CHECK_FALSE(w.perhaps);
}

TEST_CASE("a checkpoint at the end of a segment may end in the next one") {
  const shutdown_wal w = wal_of_shutdown(shut_down_at(0x3ffffa8));
  CHECK(w.last.name() == "000000010000000000000003");
  REQUIRE(w.perhaps);
  CHECK(w.perhaps->name() == "000000010000000000000004");
}

TEST_CASE("a standby needs what it has replayed since its restartpoint") {
  control_data c = shut_down_at(0x3000060);
  c.state = cluster_state::shut_down_in_recovery;
  c.redo = lsn{0x2000028};
  c.min_recovery_tli = timeline{1};
  c.min_recovery_point = lsn{0x5000000};
  const shutdown_wal w = wal_of_shutdown(c);
  CHECK(w.first.name() == "000000010000000000000002");
  CHECK(w.last.name() == "000000010000000000000004");
  CHECK(w.start == lsn{0x2000028});
  CHECK(w.stop == lsn{0x5000000});
  c.min_recovery_point = lsn{0x5000001};
  CHECK(wal_of_shutdown(c).last.name() == "000000010000000000000005");
}

TEST_CASE("a checkpoint record behind minRecoveryPoint is needed all the same") {
  control_data c = shut_down_at(0x4000060);
  c.redo = lsn{0x2000028};
  CHECK(wal_of_shutdown(c).last.name() == "000000010000000000000004");
}

TEST_CASE("what was not shut down is refused") {
  control_data c = shut_down_at(0x3000028);
  for (const cluster_state s :
       {cluster_state::starting_up,
        cluster_state::shutting_down,
        cluster_state::in_crash_recovery,
        cluster_state::in_archive_recovery,
        cluster_state::in_production}) {
    c.state = s;
    CHECK(refusal(c).find(to_string(s)) != std::string::npos);
  }
}

TEST_CASE("a standby that is not consistent yet is refused") {
  control_data c = shut_down_at(0x3000060);
  c.state = cluster_state::shut_down_in_recovery;
  CHECK(refusal(c) == "");
  control_data started = c;
  started.backup_start = lsn{0x2000028};
  CHECK(refusal(started).find("base backup") != std::string::npos);
  control_data of_standby = c;
  of_standby.backup_end = lsn{0x4000000};
  CHECK(refusal(of_standby).find("base backup") != std::string::npos);
  control_data required = c;
  required.backup_end_required = true;
  CHECK(refusal(required).find("base backup") != std::string::npos);
}

TEST_CASE("a standby between two timelines is refused") {
  control_data c = shut_down_at(0x3000028);
  c.state = cluster_state::shut_down_in_recovery;
  c.min_recovery_point = lsn{0x4000000};
  c.min_recovery_tli = timeline{2};
  CHECK(refusal(c).find("00000002") != std::string::npos);
}
