#pragma once
// What was asked of a store, in the words for MSG and DETAIL; and the failures that every store's
// answer can come to. Pure.

#include "bucket.hpp"

#include <wale/base/error.hpp>

#include <string>

namespace wale::store {

struct question {
  std::string doing; ///< MSG: `could not store an object`
  std::string url;   ///< DETAIL: `s3://bucket/key`
};

/// A success that lacks what every success has, or contradicts what was asked. Repeats later.
/// `server` is for the HINT: `an S3 server`.
request_failure unreadable(const char* server, const question& q, const std::string& what);

/// The condition of a read found another object.
failure replaced_while_read(const question& q);

} // namespace wale::store
