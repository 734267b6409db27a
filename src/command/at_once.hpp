#pragma once
// Commands that can be answered from what an earlier process left in pg_wal/.wal-e: before there is
// a loop, a pool or a store, which take longer than the answer.

#include <wale/base/exit_code.hpp>
#include <wale/command/command_line.hpp>

#include <optional>
#include <string>

namespace wale::command {

/// wal-push of a segment that was pushed ahead: 0. nullopt: it has to be pushed.
std::optional<int> acknowledged(const command_line& line, const std::string& prefix_url);

/// wal-fetch of a segment that was prefetched, or soon will be: 0, and the destination is there.
/// nullopt: it has to be fetched. Throws kind::interrupted for a signal that came while it waited.
std::optional<int> prefetched(
    const command_line& line, const std::string& prefix_url, std::optional<restore_mode> mode);

} // namespace wale::command
