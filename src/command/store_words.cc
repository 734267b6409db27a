// WAL-E 1.1.1: wal_e/blobstore/*/*util*.py, wal_e/worker/*/*_worker.py.
#include "store_words.hpp"

namespace wale::command {

std::string blobstore_logger(const std::string& kind) {
  if (kind == "s3") return "wal_e.blobstore.s3.s3_util";
  if (kind == "wabs") return "wal_e.blobstore.wabs.wabs_util";
  if (kind == "file") return "wal_e.blobstore.file.file_util";
  return "wal_e.blobstore." + kind + ".utils";
}

std::string worker_logger(const std::string& kind) {
  return "wal_e.worker." + kind + "." + kind + "_worker";
}

std::string absolute_key(const std::string& kind, const std::string& key) {
  std::string what = "file key";
  if (kind == "s3") what = "S3 key";
  if (kind == "wabs") what = "WABS blob";
  if (kind == "gs") what = "GCS object";
  if (kind == "swift") what = "Swift object name";
  return "The absolute " + what + " is " + key + ".";
}

log::level absence_level(const std::string& kind) {
  // Of a file store WAL-E said CRITICAL: absence was an exception that nobody caught.
  return kind == "s3" || kind == "file" ? log::level::info : log::level::warning;
}

} // namespace wale::command
