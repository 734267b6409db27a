#pragma once
// How wal-fetch hands over to wal-prefetch, and takes from it.

#include "prefetch_area.hpp"

#include <wale/base/exit_code.hpp>
#include <wale/command/command_line.hpp>

#include <optional>
#include <string>

namespace wale::command {

/// What a wal-fetch needs to know about prefetching.
struct prefetch_plan {
  prefetch_area area;
  prefetch_origin origin;
  pg::wal_segment segment; ///< the one that is asked for
  std::string wal_directory;
  std::string data_directory; ///< absolute
  std::size_t count = 0;      ///< how many to fetch ahead
};

/// nullopt where nothing is prefetched: for other files than segments, with --prefetch 0, outside
/// of recovery, and where the cluster cannot be told. Does not throw but for usage.
std::optional<prefetch_plan> plan_prefetch(
    const command_line& line, const std::string& prefix_url, std::optional<restore_mode> mode);

/// Puts the segment at `destination` if it was prefetched, or soon will be, for which this waits
/// while it gets on. False: it has to be fetched. Throws kind::interrupted for a signal that came
/// meanwhile.
bool serve_prefetched(const prefetch_plan& plan, const std::string& destination);

/// Removes what was prefetched for a recovery that is over.
void drop_prefetched(const std::string& destination) noexcept;

/// After the segment was served: tells the prefetcher, or starts one if none runs. Does not throw.
void prefetch_behind(const command_line& line, const prefetch_plan& plan) noexcept;

} // namespace wale::command
