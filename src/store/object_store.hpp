#pragma once
// The store contract over a bucket: gathers bodies into parts, sends them at the same time, resumes
// downloads, pages listings, removes in batches.

#include "bucket.hpp"
#include "retrying.hpp"

#include <wale/io/runtime.hpp>
#include <wale/store/store.hpp>

#include <memory>
#include <string>

namespace wale::store {

/// `root` is what names of objects begin with: the prefix, with a slash at the end unless empty,
/// and for stores of WAL-E's that want it a slash in front. Single requests are `remote`'s to
/// repeat; `policy` is for downloads that break off: they go on where they were.
std::unique_ptr<store> make_object_store(
    io::runtime& rt, std::unique_ptr<bucket> remote, std::string root, retry_policy policy = {});

} // namespace wale::store
