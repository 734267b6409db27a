#pragma once
// Keeps the segments behind the one that PostgreSQL asked for last in the prefetch area, several
// at once, until there is a reason to end.

#include "context.hpp"
#include "prefetch_area.hpp"

#include <wale/base/error.hpp>
#include <wale/io/event.hpp>
#include <wale/io/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace wale::command {

class prefetcher {
public:
  /// `count` segments from `first` on. `goes_on` says whether the recovery that this is for is
  /// under way; empty: fetches these segments and ends.
  prefetcher(
      context c,
      const prefetch_area& area,
      const prefetch_lock& lock,
      prefetch_origin origin,
      pg::wal_segment first,
      std::size_t count,
      std::function<bool()> goes_on);

  /// Ends at the first segment that is absent or cannot be fetched, at another timeline, when the
  /// recovery is over, and after a minute without progress. Returns what went wrong, if anything.
  task<std::optional<failure>> run();

private:
  using clock = std::chrono::steady_clock;

  bool follow();
  bool is_stalled();
  void begin_fetches();
  task<> work();
  task<> fetch(pg::wal_segment segment);
  task<> fetch_one(pg::wal_segment segment);
  task<bool> fetch_checked(pg::wal_segment segment, std::string path, sha256_value& digest);
  task<> head(pg::wal_segment segment, std::optional<store::object_attributes>& found);
  task<> download(pg::wal_segment segment, std::string path, sha256_value& digest, bool& found);
  task<> tick(bool& rang);
  task<> wait_for_change();

  context c_;
  const prefetch_area& area_;
  const prefetch_lock& lock_;
  prefetch_origin origin_;
  pg::wal_segment first_; ///< of the window
  pg::wal_segment next_;  ///< to be begun
  std::size_t count_;
  /// One more with each that ends: a slow line is not shared by a whole window, and with wal-fetch.
  std::size_t at_once_ = 1;
  std::function<bool()> goes_on_;
  bool is_at_end_ = false;
  std::optional<failure> failed_;
  std::map<pg::wal_segment, std::uint64_t> running_; ///< with the bytes that were seen of each
  clock::time_point progress_ = clock::now();
  clock::time_point looked_ = clock::now();
  io::event changed_;
  io::task_group children_;
};

} // namespace wale::command
