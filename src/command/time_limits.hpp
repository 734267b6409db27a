#pragma once
// How long archive_command and restore_command may take, and one request of the other commands.

#include <wale/base/exit_code.hpp>
#include <wale/command/command_line.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wale::command {

/// Each ends before the one above it, so that what the store said last is told, and a server that
/// answers nothing costs one request's time, however large the file is.
struct time_limit {
  std::chrono::seconds command;  ///< of all
  std::chrono::seconds requests; ///< of all requests to the store together, repetitions included
  std::chrono::seconds request;  ///< of one of them
};

/// For a file of `bytes`: 60 seconds for each 16 MiB of it that are begun. A large segment needs no
/// faster line than a small one.
time_limit push_limit(std::uint64_t bytes) noexcept;
/// The same with 15 seconds, or 5 minutes for a targeted recovery, which a failure would end.
time_limit fetch_limit(std::uint64_t bytes, restore_mode mode) noexcept;

/// So long a history file is asked for again, unless its failure stops recovery: a promotion that
/// does not see an existing one uses its timeline a second time.
constexpr std::chrono::seconds history_patience{30};

/// Of a command line, from the size of the file that is to be pushed, or of the segments of the
/// cluster that is recovered; `mode` is wal-fetch's. nullopt for other commands. Blocks shortly.
std::optional<time_limit> time_limit_of(const command_line& line, std::optional<restore_mode> mode);

/// Of one request to the store, repetitions included, of a command that takes as long as it needs:
/// a part of a backup, a page of a list, a batch of removals, a segment that is prefetched.
std::chrono::seconds request_limit(std::string_view command) noexcept;

} // namespace wale::command
