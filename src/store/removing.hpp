#pragma once
// Removal of many objects, in as few requests as the store allows.

#include "bucket.hpp"

#include <wale/io/runtime.hpp>

#include <string>
#include <vector>

namespace wale::store {

/// Removes the objects of these whole names, in this order: batch after batch, or, where a request
/// removes only one, up to 16 at the same time. Throws after having tried all, naming the first
/// that the store refused to remove and its code; but a request without an answer ends it at once,
/// because the next ones would wait as long. Cancelling it leaves some removed.
task<> remove_objects(io::runtime& rt, bucket& remote, std::vector<std::string> names);

} // namespace wale::store
