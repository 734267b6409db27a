#pragma once
// What a restore does with directories and small files beside the extraction. All functions block;
// run them through runtime::offload.

#include <wale/io/fs.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace wale::command {

/// Name of the mark within a directory that holds an unfinished restore.
inline constexpr const char* unfinished_mark = ".wal-e-unfinished-restore";
/// What a restore that was killed while it wrote its mark leaves; the next one replaces it.
inline constexpr const char* unwritten_mark = ".wal-e-unfinished-restore-new";

bool is_marked(const std::string& directory);
/// Whole or not at all, and durable: what it does not list is removed by the next attempt.
void make_mark(const std::string& directory, const std::set<std::string>& names = {});
/// What the mark lists.
std::set<std::string> marked_names(const std::string& directory);

/// Empty where there is no such directory.
std::vector<io::fs::entry> entries_of(const std::string& directory);
bool is_link(const std::string& path);
bool is_link_to_directory(const std::string& path);
/// A directory on which a file system or a part of one is mounted: it can be emptied, not removed.
bool is_mount_point(const std::string& path);
/// Nothing but `lost+found`.
bool is_empty_directory(const std::string& directory);
/// Removes what is in a directory but for `lost+found` and the mark.
void empty_directory(const std::string& directory);
/// Writes and fsyncs a file in place of what is there, for the group to read where that may read
/// `directory`; owned, if we are root, by whoever owns that.
void write_durably(const std::string& directory, const char* name, std::string_view text);

} // namespace wale::command
