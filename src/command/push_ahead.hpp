#pragma once
// Pushes the segments that wait beside the one that archive_command names, and remembers which are
// stored, so that their own wal-push returns at once. None of them ever decides about the named
// one: not about its exit code, and about its time by two seconds at most. A line that is too slow
// for all of them it has to itself after a few seconds.

#include "acknowledgements.hpp"
#include "archive_file.hpp"
#include "cluster_guard.hpp"

#include <wale/io/event.hpp>
#include <wale/io/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace wale::command {

class push_ahead {
public:
  /// Of the neighbours of `named` `most` at once, one after the other as long as there are some;
  /// `archive` is archive_identity(). None is stored before `check`, which asks about `named`, has
  /// passed.
  push_ahead(
      context c,
      const archivable& named,
      std::string archive,
      std::shared_ptr<cluster_check> check,
      std::size_t most);

  /// Begins, on the next turn of the loop; may be called more than once.
  void begin();

  /// Waits until all have ended, for at most two seconds after the named one was `stored`, and not
  /// at all if it was not; then cancels them. What can not even be cancelled, as a file on a dead
  /// file server, is left running: `ahead` then lives as long as the process. Does not throw.
  static task<> end(std::unique_ptr<push_ahead> ahead, bool stored);

private:
  using clock = std::chrono::steady_clock;

  std::vector<std::string> choose() const;
  task<> feed();
  task<> offer(std::string name);
  task<> push(archivable file, file_identity identity, io::block_budget budget);
  task<> admission();
  task<> quietly(std::string name, task<> work);
  task<> child(std::string name, task<> work);
  task<> give_way();
  task<> alarm(std::chrono::milliseconds time, bool& rang);
  task<> wait_until_ended(std::chrono::milliseconds time);
  task<> cancel();
  void spawn(std::string name, task<> work);
  task<> wait_for_place();
  bool may_begin() const;

  context c_;
  std::string wal_directory_;
  std::string named_;
  std::optional<std::uint64_t> system_identifier_;
  acknowledgements records_;
  std::shared_ptr<cluster_check> check_;
  std::size_t most_;
  std::size_t places_; ///< of those `most`, how many may be taken by now
  std::set<std::string> offered_;
  /// 5 seconds for each 16 MiB: the named one's limit is for a line that carries nothing else.
  std::chrono::seconds longest_company_;
  clock::time_point started_ = clock::now();
  clock::duration last_took_{};
  std::optional<clock::time_point> ends_by_; ///< once the named one is stored
  bool begun_ = false;
  bool gave_way_ = false;
  std::size_t running_ = 0;
  std::size_t failures_ = 0;
  io::event changed_;
  io::task_group children_;
};

} // namespace wale::command
