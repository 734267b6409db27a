// Expected are the words of WAL-E 1.1.1.
#include "store_words.hpp"

#include <catch2/catch.hpp>

using namespace wale;
using namespace wale::command;

TEST_CASE("records speak of each kind of store in WAL-E's words") {
  CHECK(blobstore_logger("s3") == "wal_e.blobstore.s3.s3_util");
  CHECK(blobstore_logger("wabs") == "wal_e.blobstore.wabs.wabs_util");
  CHECK(blobstore_logger("gs") == "wal_e.blobstore.gs.utils");
  CHECK(blobstore_logger("swift") == "wal_e.blobstore.swift.utils");
  CHECK(blobstore_logger("file") == "wal_e.blobstore.file.file_util");
  CHECK(worker_logger("wabs") == "wal_e.worker.wabs.wabs_worker");
  CHECK(absolute_key("s3", "a/b") == "The absolute S3 key is a/b.");
  CHECK(absolute_key("wabs", "a/b") == "The absolute WABS blob is a/b.");
  CHECK(absolute_key("gs", "a/b") == "The absolute GCS object is a/b.");
  CHECK(absolute_key("swift", "a/b") == "The absolute Swift object name is a/b.");
  CHECK(absolute_key("file", "a/b") == "The absolute file key is a/b.");
}

TEST_CASE("an absent WAL file is a warning on Azure, Google and Swift only, as in WAL-E") {
  for (const char* kind : {"wabs", "gs", "swift"})
    CHECK(absence_level(kind) == log::level::warning);
  for (const char* kind : {"s3", "file"})
    CHECK(absence_level(kind) == log::level::info);
}
