#pragma once
// How WAL-E's records speak of each kind of store (store::kind_name()): people grep for the names
// of its Python modules. Pure.

#include <wale/base/log.hpp>

#include <string>

namespace wale::command {

/// wal_e.blobstore.KIND.MODULE
std::string blobstore_logger(const std::string& kind);
/// wal_e.worker.KIND.KIND_worker
std::string worker_logger(const std::string& kind);
/// `The absolute S3 key is KEY.`
std::string absolute_key(const std::string& kind, const std::string& key);
/// Of the record that a WAL file is not there.
log::level absence_level(const std::string& kind);

} // namespace wale::command
