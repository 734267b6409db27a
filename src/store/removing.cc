// Workers take batches in order; a store that removes many at once has one worker.
#include "removing.hpp"

#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

namespace wale::store {
namespace {

constexpr std::size_t single_removals_at_once = 16;

struct removal {
  bucket& remote;
  std::vector<std::string> names;
  std::size_t next = 0;
  std::vector<failed_removal> failed = {};

  std::vector<std::string> take_batch() {
    const std::size_t most = std::max<std::size_t>(remote.traits().removals_at_once, 1);
    const std::size_t n = std::min(most, names.size() - next);
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(next);
    next += n;
    return {begin, begin + static_cast<std::ptrdiff_t>(n)};
  }

  task<> work() {
    while (next < names.size()) {
      std::vector<std::string> batch = take_batch();
      const std::string first = batch.front();
      std::optional<failed_removal> refused;
      std::vector<failed_removal> some;
      try {
        some = co_await remote.remove(std::move(batch));
      } catch (const failure& f) {
        if (!is_final_answer(f)) throw;
        refused = as_refusal(first, f);
      }
      if (refused) failed.push_back(std::move(*refused));
      for (failed_removal& f : some)
        failed.push_back(std::move(f));
    }
  }

  // It may be about these keys only, so the others are tried. Without any answer they would all be
  // waited for.
  static bool is_final_answer(const failure& f) {
    if (f.why() == kind::interrupted) return false;
    const auto* const answered = dynamic_cast<const request_failure*>(&f);
    if (answered) return answered->when() == request_failure::repeat::never;
    return f.why() != kind::unavailable;
  }

  static failed_removal as_refusal(const std::string& key, const failure& f) {
    failed_removal r;
    r.key = key;
    if (const auto* const answered = dynamic_cast<const request_failure*>(&f))
      r.code = answered->code();
    r.message = f.text().detail.empty() ? f.text().msg : f.text().msg + ": " + f.text().detail;
    return r;
  }

  // The first in the order of the names; a server may tell them in another.
  const failed_removal& first_failed() const {
    for (const std::string& name : names) {
      const auto found = std::ranges::find(failed, name, &failed_removal::key);
      if (found != failed.end()) return *found;
    }
    return failed.front();
  }

  void report() const {
    if (failed.empty()) return;
    const failed_removal& f = first_failed();
    std::string detail = "\"" + f.key + "\": " + f.code;
    if (!f.message.empty()) detail += (f.code.empty() ? "" : ": ") + f.message;
    if (failed.size() > 1) detail += "\nAnd " + std::to_string(failed.size() - 1) + " more.";
    throw failure(kind::unavailable, "could not remove an object", std::move(detail));
  }
};

} // namespace

task<> remove_objects(io::runtime& rt, bucket& remote, std::vector<std::string> names) {
  removal all{remote, std::move(names)};
  const std::size_t workers = remote.traits().removals_at_once > 1 ? 1 : single_removals_at_once;
  io::task_group group(rt.context().get_executor());
  for (std::size_t i = 0; i < std::min(workers, all.names.size()); ++i)
    group.spawn(all.work());
  co_await group.join();
  all.report();
}

} // namespace wale::store
