#pragma once
// One put(): in one request if the body fits into the staging, else in parts, several of them on
// their way while the next is gathered.

#include "bucket.hpp"

#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>
#include <wale/store/store.hpp>

#include <cstddef>
#include <string>

namespace wale::store {

/// All parts of an upload but the last have this size, as R2 and GCS want it; 6 MiB, because S3
/// takes none below 5 MiB ("Amazon S3 multipart upload limits", S3 User Guide).
constexpr std::size_t part_blocks = 24;
/// One part on its way while the next one fills.
constexpr std::size_t staging_for_parts = 2 * part_blocks;

/// Stores `body` under the whole name `key`. `request.key` is not looked at. Cancelling it, or a
/// failure, aborts what had begun; only where the store cannot be reached an upload without a
/// result stays behind, which prepare() sweeps later.
task<put_result> upload_body(
    io::runtime& rt, bucket& remote, std::string key, put_request request, io::source& body);

/// Aborts an upload; a failure is told to the debug log only.
task<> abort_quietly(io::runtime& rt, bucket& remote, upload what);

} // namespace wale::store
