#pragma once
// The members of a tar stream written below a directory.
//
// The archive is hostile: nothing it says leads outside the target. Names are relative and without
// `..` (only `/`, WAL-E's name of the root, stands for the target itself), no symbolic link is
// followed on the way to a member but those the caller lists, hard links lead only to members
// extracted in the same restore, device nodes are refused. Set-id bits of files are dropped.

#include <wale/io/chain.hpp>
#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace wale::archive {

/// The names of the members extracted so far in one restore, shared by its partitions. I/O thread
/// only. Holds 16 bytes of each name's SHA-256 instead of the name, so that millions stay small.
class restored_names {
public:
  /// A number for one extraction.
  unsigned begin_run() noexcept { return ++runs_; }
  /// False if the same extraction had inserted the name before.
  bool insert(std::string_view name, unsigned run);
  bool contains(std::string_view name) const;
  /// Whether it was this extraction that inserted the name last.
  bool is_of(std::string_view name, unsigned run) const;
  /// How many different names there are.
  std::size_t size() const noexcept { return last_run_.size(); }

private:
  using key = std::array<std::uint64_t, 2>;
  struct key_hash {
    std::size_t operator()(const key& k) const noexcept { return k[0]; }
  };
  static key key_of(std::string_view name);

  unsigned runs_ = 0;
  std::unordered_map<key, unsigned, key_hash> last_run_;
};

/// Who may create files in a directory, shared by the partitions of one restore: the kernel lets
/// one thread at a time, and the others would spin for it instead of decompressing. Outlives the
/// extractions.
class directory_turns {
public:
  /// What is created in one directory has one order; a few directories may share it.
  io::chain& of(std::string_view directory) noexcept;

private:
  std::array<io::chain, 16> orders_;
};

/// Names are member names: relative, without a slash at the end.
struct extract_options {
  std::string target; ///< an existing directory

  /// Links of the target that members may lie below, for example `pg_tblspc/16384` or `pg_wal`.
  /// Each must be a link to a directory, or a directory, when the extraction begins; it is kept,
  /// whatever kind of member has its name.
  std::vector<std::string> followed = {};
  /// Files written under another name in place of their own; both relative to the target.
  std::map<std::string, std::string> held = {};
  /// Names that are left as they are if something with that name is there already.
  std::set<std::string> kept = {};
  /// Symlink members made as empty directories (mode 0700) instead.
  std::set<std::string> links_as_directories = {};
  /// fsync every file, and every directory changed, in batches, before returning. For callers that
  /// cannot use syncfs.
  bool sync = false;
  /// Blocks of the stream held by writes in flight, at most, but always one. The
  /// source must own at least one more.
  std::size_t blocks_in_flight = 8;
};

/// A hard link to a member of another archive of the same restore.
struct late_link {
  std::string name;
  std::string to; ///< cleaned, not yet known to have been extracted
};

struct extract_summary {
  std::size_t members = 0;
  std::size_t files = 0;
  std::uint64_t file_bytes = 0;            ///< sum of the sizes of all file members
  std::map<std::string, std::size_t> held; ///< how often each held name occurred
  std::vector<std::string> kept;           ///< names that were left as they were
  std::vector<late_link> late_links;       ///< left to make_late_links()
};

/// Reads `plain` to its end (but does not close it) and writes its members. Owner is restored only
/// for root, by name where the name exists here, else by number; modes and times always, those of
/// directories when all else is written. Throws failure: kind::corrupt and kind::refused for what
/// the archive says, otherwise as the system call. A failure or cancellation leaves what was
/// written so far; nothing is in flight any more. Extracting the same archive again mends it.
task<extract_summary> extract(
    io::runtime& rt,
    io::source& plain,
    extract_options options,
    restored_names& names,
    directory_turns& turns);

/// After all extractions of a restore: makes what they left. WAL-E's volumes, which are extracted
/// several at once, have hard links to members of earlier ones. Throws kind::refused where no
/// extraction of the restore made the file that a link leads to. Blocks.
void make_late_links(
    const extract_options& options,
    const restored_names& names,
    const std::vector<late_link>& links);

} // namespace wale::archive
