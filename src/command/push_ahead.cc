// One child feeds: it looks at the neighbours one after the other, waits for a place, reserves the
// blocks of a whole push, and then spawns it. So they go in order, and the pool, too, says how many
// at once. How many the line can take is found out: three places, and one more for each that ends.
#include "push_ahead.hpp"

#include "time_limits.hpp"

#include <wale/base/error.hpp>
#include <wale/base/wall_clock.hpp>
#include <wale/catalog/layout.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/shield.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

namespace wale::command {
namespace {

// Two seconds together.
constexpr std::chrono::milliseconds patience{1800};
constexpr std::chrono::milliseconds patience_after_cancel{200};
constexpr std::size_t first_places = 3;
/// Names that are taken from one look at the directories.
constexpr std::size_t chosen_at_once = 256;
/// Neighbours that may fail, each of which is told, before no more are begun.
constexpr std::size_t most_failures = 16;

} // namespace

push_ahead::push_ahead(
    context c,
    const archivable& named,
    std::string archive,
    std::shared_ptr<cluster_check> check,
    std::size_t most)
    : c_(c), wal_directory_(io::fs::parent_of(named.path)), named_(named.name.text),
      records_(wal_directory_, std::move(archive)), check_(std::move(check)), most_(most),
      places_(std::min(most, first_places)), longest_company_(push_limit(named.size).command / 12),
      children_(c.rt.context().get_executor()) {
  if (named.header) system_identifier_ = named.header->system_identifier;
}

void push_ahead::begin() {
  if (std::exchange(begun_, true) || most_ == 0) return;
  spawn({}, feed());
  children_.spawn(give_way());
}

// Ended by end(), as all of them.
task<> push_ahead::give_way() {
  co_await c_.rt.sleep(longest_company_);
  if (ends_by_) co_return;
  gave_way_ = true;
  children_.cancel();
}

void push_ahead::spawn(std::string name, task<> work) {
  ++running_;
  children_.spawn(child(std::move(name), std::move(work)));
}

// Sweeps on the way, because it knows what is ready. The records are listed before: one made later
// is of a segment that was ready later.
std::vector<std::string> push_ahead::choose() const {
  const std::vector<std::string> records = records_.list();
  const std::vector<std::string> ready = ready_segments(wal_directory_);
  if (ready.empty()) return {}; // or it could not be read: no reason to forget anything
  records_.sweep(records, std::set<std::string>(ready.begin(), ready.end()));
  std::vector<std::string> chosen;
  for (const std::string& name :
       neighbours_of(named_, ready, std::numeric_limits<std::size_t>::max())) {
    if (chosen.size() == chosen_at_once) break;
    if (!offered_.contains(name) && !records_.cover(name)) chosen.push_back(name);
  }
  if (!chosen.empty() && !records_.can_be_kept()) chosen.clear();
  return chosen;
}

task<> push_ahead::feed() {
  auto choosing = [this] { return choose(); };
  while (may_begin()) {
    const std::vector<std::string> names = co_await c_.rt.offload(choosing);
    if (names.empty()) co_return;
    for (const std::string& name : names) {
      co_await wait_for_place();
      if (!may_begin()) co_return;
      offered_.insert(name);
      co_await quietly(name, offer(name));
    }
  }
}

// The feeding child runs as well.
task<> push_ahead::wait_for_place() {
  while (running_ > places_)
    co_await changed_.wait();
}

// A neighbour that would be cancelled half-way is better not begun: it may take twice as long as
// the last one did.
bool push_ahead::may_begin() const {
  return !gave_way_ && failures_ < most_failures &&
         (!ends_by_ || clock::now() + 2 * last_took_ < *ends_by_);
}

task<> push_ahead::offer(std::string name) {
  const std::string path = wal_directory_ + "/" + name;
  const auto identity = file_identity::of(path);
  if (!io::fs::link_status(path))
    throw failure(kind::unavailable, "The segment " + path + " did not exist.");
  if (!identity || !is_at_rest(*identity, now_ns())) co_return;
  archivable file = co_await inspect(c_.rt, path);
  if (!system_identifier_) {
    io::block_budget reading = co_await c_.rt.blocks().reserve(1);
    co_await require_cluster_of_archive(c_.rt, c_.archive, file, std::move(reading));
    system_identifier_ = file.header->system_identifier;
  }
  if (file.header->system_identifier != *system_identifier_)
    throw failure(kind::refused, "it is of another cluster", "\"" + path + "\"");
  io::block_budget budget = co_await reserve_for_push(c_.rt, c_.archive, file.size);
  if (!may_begin()) co_return;
  spawn(name, push(std::move(file), *identity, std::move(budget)));
}

task<> push_ahead::push(archivable file, file_identity identity, io::block_budget budget) {
  const std::string name = file.name.text;
  const clock::time_point began = clock::now();
  push_terms terms;
  terms.admission = [this] { return admission(); };
  const sha256_value digest =
      co_await archive_file(c_, std::move(file), std::move(budget), std::move(terms));
  records_.record(name, identity, *system_identifier_, digest);
  last_took_ = clock::now() - began;
  places_ = std::min(places_ + 1, most_);
}

// An objection is told once, of the named file.
task<> push_ahead::admission() {
  bool passed = true;
  try {
    co_await check_->passed();
  } catch (const failure&) {
    passed = false;
  }
  if (!passed) throw failure(kind::interrupted, "cancelled");
}

// WAL-E's words for a neighbour that is not pushed. Why is told when its own turn comes.
task<> push_ahead::quietly(std::string name, task<> work) {
  std::string why;
  bool is_interrupted = false;
  try {
    co_await std::move(work);
  } catch (const failure& f) {
    is_interrupted = f.why() == kind::interrupted;
    why = f.text().msg + (f.text().detail.empty() ? "" : ": " + f.text().detail);
  } catch (const std::exception& e) {
    why = e.what();
  }
  if (!why.empty() && !is_interrupted && !name.empty()) {
    ++failures_;
    log::info(
        upload_logger,
        {"skip parallel archiving of a file", why},
        push_fields(c_.archive.url(catalog::wal_key(name)), c_.archive.prefix(), name, "skip"));
  }
  if (is_interrupted) throw failure(kind::interrupted, "cancelled");
}

task<> push_ahead::child(std::string name, task<> work) {
  std::exception_ptr error;
  try {
    co_await quietly(std::move(name), std::move(work));
  } catch (...) {
    error = std::current_exception();
  }
  --running_;
  changed_.notify_all();
  if (error) std::rethrow_exception(error);
}

task<> push_ahead::alarm(std::chrono::milliseconds time, bool& rang) {
  co_await c_.rt.sleep(time);
  rang = true;
  changed_.notify_all();
}

task<> push_ahead::wait_until_ended(std::chrono::milliseconds time) {
  bool rang = false;
  io::task_group alarms(c_.rt.context().get_executor());
  alarms.spawn(alarm(time, rang));
  std::exception_ptr error;
  try {
    while (running_ > 0 && !rang)
      co_await changed_.wait();
  } catch (const failure&) {
    error = std::current_exception();
  }
  alarms.cancel();
  try {
    co_await alarms.join();
  } catch (const failure&) { // the caller is cancelled: `error` says so too, or all have ended
  }
  if (error) std::rethrow_exception(error);
}

task<> push_ahead::cancel() {
  children_.cancel();
  co_await wait_until_ended(patience_after_cancel);
  if (running_ == 0) co_await children_.join();
}

task<> push_ahead::end(std::unique_ptr<push_ahead> ahead, bool stored) {
  const clock::time_point now = clock::now();
  ahead->ends_by_ = now + patience;
  ahead->last_took_ = std::max(ahead->last_took_, now - ahead->started_);
  try {
    if (stored) co_await ahead->wait_until_ended(patience);
  } catch (const failure&) { // cancelled: so are they
  }
  try {
    co_await io::shield(ahead->cancel());
  } catch (const failure&) { // cancelled meanwhile, which changes nothing any more
  }
  if (ahead->running_ == 0) co_return;
  log::info(
      upload_logger,
      {"left neighbours of the file to themselves",
       std::to_string(ahead->running_) + " operations of pushing them ahead cannot be interrupted.",
       "Does a disk or a file server not answer?"});
  static const push_ahead* const left = ahead.release();
  static_cast<void>(left);
}

} // namespace wale::command
