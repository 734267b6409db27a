#pragma once
// Keeps two clusters from archiving under one prefix.

#include "context.hpp"
#include "transfer.hpp"

#include <wale/io/block.hpp>
#include <wale/io/event.hpp>

#include <cstdint>
#include <exception>

namespace wale::command {

/// Compares the cluster that wrote `file` with the one that the newest backup under this prefix is
/// of, and throws kind::refused if they differ. Without a segment header or a backup with metadata
/// there is nothing to compare; what cannot be looked up, in 10 seconds, is unknown, with a
/// WARNING, and not tried again for ten minutes. An answer is remembered in `.wal-e/` beside the
/// segment, if that is a pg_wal: the next segment then costs no request, or one listing where the
/// newest backup has no metadata. `reading` is one block: those who hold the pool may wait for the
/// answer.
task<> require_cluster_of_archive(
    io::runtime& rt, store::store& archive, archivable file, io::block_budget reading);

/// The same for a cluster that is to be backed up, in 5 minutes; nothing is remembered.
task<>
require_cluster_of_archive(io::runtime& rt, store::store& archive, std::uint64_t system_identifier);

/// The question of a file's require_cluster_of_archive(), asked while that file and others of its
/// cluster are compressed, and the answer, which must be there before one of them is stored.
class cluster_check {
public:
  cluster_check(io::runtime& rt, store::store& archive) : rt_(rt), archive_(archive) {}

  /// Asks, once, and does not throw: what it learns, passed() tells.
  task<> ask(archivable file, io::block_budget reading);
  /// Returns once there is an answer; throws it if it is an objection, or why there is none.
  task<> passed();

private:
  io::runtime& rt_;
  store::store& archive_;
  bool answered_ = false;
  std::exception_ptr objection_;
  io::event changed_;
};

} // namespace wale::command
