#pragma once
// The bytes of one object, also where the connection breaks: the rest is asked for from the byte
// that was reached, and only of the same object.

#include "bucket.hpp"
#include "retry_schedule.hpp"

#include <wale/io/runtime.hpp>
#include <wale/io/stream.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace wale::store {

/// How downloads go on; the store's, which outlives them.
struct resumption {
  io::runtime& rt;
  bucket& remote;
  retry_policy policy;
  random_source random;
  storm_log log = {};
};

/// A source of the object `key`, nullptr if it is proven absent. A body that breaks off or ends
/// early is resumed as long as bytes come before the policy is used up. Another object under the
/// same name is a failure of kind::corrupt.
task<std::unique_ptr<io::source>>
open_resuming(resumption& how, std::string key, io::block_budget budget);

} // namespace wale::store
