#pragma once
// What was asked of a store, in the words for MSG and DETAIL; and the failure that every store's
// answer can come to. Pure.

#include <wale/base/error.hpp>

#include <string>

namespace wale::store {

struct question {
  std::string doing; ///< MSG: `could not store an object`
  std::string url;   ///< DETAIL: `s3://bucket/key`
};

/// The condition of a read found another object.
failure replaced_while_read(const question& q);

} // namespace wale::store
