#pragma once
// One WAL file into the archive, with WAL-E's records about it.

#include "transfer.hpp"

#include <wale/base/log.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace wale::command {

inline constexpr std::string_view upload_logger = "wal_e.worker.upload";

/// What WAL-E tells about a push beside its words.
std::vector<log::field>
push_fields(std::string key, std::string prefix, std::string segment, std::string state);

/// Stores a file, or finds it stored with the same content; throws kind::exists if with other
/// content. `budget` is reserve_for_push()'s. Returns the digest.
task<sha256_value>
archive_file(context c, archivable file, io::block_budget budget, push_terms terms = {});

} // namespace wale::command
