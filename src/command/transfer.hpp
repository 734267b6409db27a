#pragma once
// The two directions of a WAL file: file -> lzop -> store, store -> lzop -> file.

#include "context.hpp"

#include <wale/base/digest.hpp>
#include <wale/pg/wal_name.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace wale::command {

/// A file that may be archived: its name and size fit.
struct archivable {
  std::string path;
  pg::wal_name name;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  std::int64_t mtime = 0;                        ///< seconds
  std::optional<pg::segment_header> header = {}; ///< segments only
};

/// Looks at the file that archive_command names. Throws kind::refused for a segment
/// that is not complete, a segment under another one's name or an empty file, kind::usage for a
/// name that PostgreSQL does not use.
task<archivable> inspect(io::runtime& rt, std::string path);

struct pushed {
  bool stored = false;     ///< false: an object of that name exists
  std::uint64_t bytes = 0; ///< compressed
  sha256_value digest{};   ///< of the plain bytes
  double seconds = 0;      ///< that it took
};
/// What push_wal_file() works within, for a file of `size` bytes: reserved at once, so that several
/// pushes never wait for each other's blocks. First come, first served.
task<io::block_budget>
reserve_for_push(io::runtime& rt, const store::store& archive, std::uint64_t size);
/// What others have to do with a push.
struct push_terms {
  /// Called when the file has been read and compressed, before the store has answered.
  std::function<void()> compressed = {};
  /// store::put_request's.
  std::function<task<>()> admission = {};
};
/// Stores a file under its WAL name, create-only.
task<pushed> push_wal_file(
    io::runtime& rt,
    store::store& archive,
    archivable file,
    io::block_budget budget,
    push_terms terms = {});
/// The same within a budget that is reserved for it.
task<pushed> push_wal_file(io::runtime& rt, store::store& archive, archivable file);

/// SHA-256 of the plain bytes of a stored object: its attribute, or else by reading it whole.
/// Throws kind::corrupt if it cannot be decoded or is gone.
task<sha256_value> digest_of_stored(io::runtime& rt, store::store& archive, store::object_key key);

/// Fetches an object into `path`, by way of a temporary file beside it, so that `path` appears
/// whole or not at all. The content is durable before the name; the name need not be, as PostgreSQL
/// asks again for a file that a crash took away. A segment must have the size and the position that
/// its header says. False: proven absent. Where `digest` is given, it becomes the SHA-256 of the
/// plain bytes.
task<bool> fetch_wal_file(
    io::runtime& rt,
    store::store& archive,
    pg::wal_name name,
    std::string path,
    sha256_value* digest = nullptr);

} // namespace wale::command
