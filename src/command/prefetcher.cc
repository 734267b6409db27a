// A window over the segments: it moves with what PostgreSQL asks for, which the lock's file tells.
#include "prefetcher.hpp"

#include "transfer.hpp"

#include <wale/base/log.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/shield.hpp>

#include <boost/asio/io_context.hpp>

#include <exception>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.operator.backup";
constexpr std::chrono::milliseconds turn{10};
constexpr std::chrono::seconds between_looks{1};
constexpr std::chrono::seconds patience{60};

std::vector<log::field>
fields(const store::store& archive, const pg::wal_segment& segment, std::string state) {
  const std::string name = segment.name();
  return {
      {"action", "wal-prefetch"},
      {"key", archive.url(catalog::wal_key(name))},
      {"prefix", archive.prefix()},
      {"seg", name},
      {"state", std::move(state)}};
}

task<> join_quietly(io::task_group& group) {
  try {
    co_await group.join();
  } catch (const failure&) { // children keep their own failures
  }
}

} // namespace

prefetcher::prefetcher(
    context c,
    const prefetch_area& area,
    const prefetch_lock& lock,
    prefetch_origin origin,
    pg::wal_segment first,
    std::size_t count,
    std::function<bool()> goes_on)
    : c_(c), area_(area), lock_(lock), origin_(std::move(origin)), first_(first), next_(first),
      count_(count), goes_on_(std::move(goes_on)), children_(c.rt.context().get_executor()) {}

// False: there is nothing to follow any more, and what is here is of no use.
bool prefetcher::follow() {
  if (!goes_on_) return true;
  if (!goes_on_()) return false;
  const auto wanted = lock_.wanted();
  if (!wanted || !wanted->fits(origin_.size)) return true;
  if (wanted->tli != first_.tli) return false;
  const pg::wal_segment first = wanted->next(origin_.size);
  if (first == first_) return true;
  // Backwards: recovery began anew.
  if (first < first_ || next_ < first) next_ = first;
  first_ = first;
  progress_ = clock::now();
  area_.keep_only(first_, count_, origin_.size);
  return true;
}

bool prefetcher::is_stalled() {
  const clock::time_point now = clock::now();
  if (now - looked_ >= between_looks) {
    looked_ = now;
    for (auto& [segment, before] : running_) {
      const std::uint64_t bytes = area_.bytes_of(segment).value_or(0);
      if (std::exchange(before, bytes) != bytes) progress_ = now;
    }
  }
  return now - progress_ > patience;
}

void prefetcher::begin_fetches() {
  const std::uint64_t end = first_.start(origin_.size).value + count_ * origin_.size.bytes();
  while (!is_at_end_ && running_.size() < at_once_ && next_.start(origin_.size).value < end) {
    const pg::wal_segment segment = std::exchange(next_, next_.next(origin_.size));
    if (running_.contains(segment) || area_.holds(segment, origin_)) continue;
    running_.emplace(segment, 0);
    children_.spawn(fetch(segment));
  }
}

task<> prefetcher::work() {
  while (true) {
    if (!follow()) {
      area_.drop_all();
      co_return;
    }
    begin_fetches();
    const bool is_done = is_at_end_ || !goes_on_;
    if ((running_.empty() && is_done) || is_stalled()) co_return;
    co_await wait_for_change();
  }
}

task<std::optional<failure>> prefetcher::run() {
  area_.keep_only(first_, count_, origin_.size);
  std::exception_ptr error;
  try {
    co_await work();
  } catch (...) {
    error = std::current_exception();
  }
  children_.cancel();
  co_await io::shield(join_quietly(children_));
  area_.drop_announcements();
  if (!error && goes_on_ && !goes_on_()) area_.drop_all();
  if (error) std::rethrow_exception(error);
  co_return failed_;
}

task<> prefetcher::tick(bool& rang) {
  co_await c_.rt.sleep(turn);
  rang = true;
  changed_.notify_all();
}

task<> prefetcher::wait_for_change() {
  bool rang = false;
  const std::size_t before = running_.size();
  io::task_group timer(c_.rt.context().get_executor());
  timer.spawn(tick(rang));
  std::exception_ptr error;
  try {
    while (!rang && running_.size() == before)
      co_await changed_.wait();
  } catch (const failure&) {
    error = std::current_exception();
  }
  timer.cancel();
  co_await join_quietly(timer);
  if (error) std::rethrow_exception(error);
}

task<> prefetcher::fetch(pg::wal_segment segment) {
  std::optional<failure> why;
  try {
    co_await fetch_one(segment);
  } catch (const failure& f) {
    why = f;
  } catch (const std::exception& e) {
    why = failure(kind::bug, e.what());
  }
  try {
    area_.end(segment);
  } catch (const failure& f) {
    if (!why) why = f;
  }
  running_.erase(segment);
  ++at_once_;
  progress_ = clock::now();
  if (why && why->why() != kind::interrupted) {
    is_at_end_ = true;
    if (!failed_) failed_ = why->with_msg("Failed to prefetch " + segment.name());
  }
  changed_.notify_all();
}

// The pool says how many run at once; their names are announced when they begin.
task<> prefetcher::fetch_one(pg::wal_segment segment) {
  const std::string path = area_.begin(segment) + "/whole";
  log::info(logger, {"begin wal restore"}, fields(c_.archive, segment, "begin"));
  sha256_value digest{};
  const bool found = co_await fetch_checked(segment, path, digest);
  if (!found) {
    is_at_end_ = true;
    co_return;
  }
  area_.publish(segment, origin_, path, digest);
  log::info(logger, {"complete wal restore"}, fields(c_.archive, segment, "complete"));
}

task<> prefetcher::head(pg::wal_segment segment, std::optional<store::object_attributes>& found) {
  found = co_await c_.archive.head(catalog::wal_key(segment.name()));
}

task<>
prefetcher::download(pg::wal_segment segment, std::string path, sha256_value& digest, bool& found) {
  const pg::wal_name name = pg::wal_name::parse(segment.name());
  found = co_await fetch_wal_file(c_.rt, c_.archive, name, std::move(path), &digest);
}

// What was put with the object must be what came out of it; WAL-E's objects have no digest.
task<bool>
prefetcher::fetch_checked(pg::wal_segment segment, std::string path, sha256_value& digest) {
  bool found = false;
  std::optional<store::object_attributes> attributes;
  io::task_group both(c_.rt.context().get_executor());
  both.spawn(download(segment, std::move(path), digest, found));
  both.spawn(head(segment, attributes));
  co_await both.join();
  if (found && attributes && attributes->plain_digest && *attributes->plain_digest != digest)
    throw failure(
        kind::corrupt,
        "a stored WAL file is damaged",
        c_.archive.url(catalog::wal_key(segment.name())) +
            " does not have the digest that was stored with it.");
  co_return found;
}

} // namespace wale::command
