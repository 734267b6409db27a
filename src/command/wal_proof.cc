// Looks segments up one after the other: what was found once stays.
#include "wal_proof.hpp"

#include "archived_wal.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>

#include <algorithm>
#include <utility>

namespace wale::command {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::string_view logger = "wal_e.operator.backup";
constexpr std::chrono::milliseconds first_pause{20};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr std::chrono::seconds between_warnings{30};
constexpr std::chrono::seconds between_pings{2};

std::string describe(const pg::archiver_status& a) {
  std::string text =
      "The server's archiver has failed " + std::to_string(a.failed_count) + " times";
  if (a.last_failed) text += ", last for " + *a.last_failed;
  if (a.last_failed_time) text += " at " + *a.last_failed_time;
  text += a.last_archived ? "; it last archived " + *a.last_archived + "."
                          : "; it archived nothing yet.";
  return text;
}

std::string hint_for(const wal_range& needed) {
  if (needed.on_standby)
    return "A standby does not switch segments: run \"select pg_switch_wal()\" on the primary. Is "
           "the WAL archived under this prefix?";
  return "Look into the server's log for the archive_command. Does it use this prefix?";
}

task<pg::archiver_status> archiver_of(pg::backup_session& session) {
  pg::archiver_status status = co_await session.archiver();
  co_return status;
}

// One segment's arrival.
class wait_for_segment {
public:
  wait_for_segment(
      context c,
      pg::backup_session& session,
      const wal_range& needed,
      archived_wal& archived,
      clock::time_point give_up)
      : c_(c), session_(session), needed_(needed), archived_(archived), give_up_(give_up) {}

  task<> operator()(pg::wal_segment segment) {
    const std::string name = segment.name();
    std::chrono::milliseconds pause = first_pause;
    clock::time_point warned = clock::now();
    clock::time_point pinged = warned;
    while (true) {
      const bool arrived = co_await has_arrived(segment);
      if (arrived) co_return;
      const clock::time_point now = clock::now();
      if (now >= give_up_) co_await give_up(name);
      if (now - pinged >= between_pings) {
        pinged = now;
        co_await session_.ping();
      }
      if (now - warned >= between_warnings) {
        warned = now;
        co_await warn(name);
      }
      co_await c_.rt.sleep(pause);
      pause = std::min(2 * pause, longest_pause);
    }
  }

private:
  // A store that has no WAL directory yet is one where nothing has arrived yet.
  task<bool> has_arrived(pg::wal_segment segment) {
    try {
      const bool arrived = co_await archived_.holds(segment);
      obstacle_.clear();
      co_return arrived;
    } catch (const failure& f) {
      if (f.why() != kind::unavailable) throw;
      obstacle_ = " The store cannot be asked: " + f.text().msg;
      if (!f.text().detail.empty()) obstacle_ += ": " + f.text().detail;
    }
    co_return false;
  }

  task<> warn(std::string name) {
    const pg::archiver_status status = co_await archiver_of(session_);
    log::warning(
        logger,
        {"blocking on sending WAL segments",
         "Waiting for " + name + " to arrive in the archive. " + describe(status) + obstacle_,
         hint_for(needed_)});
  }

  task<> give_up(std::string name) {
    const pg::archiver_status status = co_await archiver_of(session_);
    throw failure(
        kind::unavailable,
        "the WAL that the backup needs did not arrive in the archive",
        name + " is missing. " + describe(status) + obstacle_,
        hint_for(needed_));
  }

  context c_;
  pg::backup_session& session_;
  const wal_range& needed_;
  archived_wal& archived_;
  clock::time_point give_up_;
  std::string obstacle_; ///< why the store did not answer the last time
};

} // namespace

task<> wait_for_wal(
    context c,
    pg::backup_session& session,
    wal_range needed,
    std::string pg_wal,
    std::chrono::seconds patience) {
  cluster_wal wal{std::move(pg_wal), needed.size, needed.system_identifier, needed.on_standby};
  archived_wal archived(c, std::move(wal));
  wait_for_segment arrival(c, session, needed, archived, clock::now() + patience);
  pg::wal_segment segment = needed.first;
  while (true) {
    co_await arrival(segment);
    if (segment >= needed.last) break;
    segment = segment.next(needed.size);
  }
  if (needed.first.tli.value == 1) co_return;
  co_await archived.bring_history(needed.first.tli);
}

} // namespace wale::command
