#pragma once
// What an answer of Azure that is not a success means, and how to say it to an operator. Pure.
//
// The code is in the Error document and in the header `x-ms-error-code`, which an answer to HEAD
// has too. Absence is only a 404 with the code BlobNotFound.

#include "azure_xml.hpp"
#include "bucket.hpp"
#include "question.hpp"

#include <wale/http/message.hpp>

#include <string>
#include <string_view>

namespace wale::store {

enum class azure_meaning {
  absent,          ///< BlobNotFound: exactly this blob is not there
  exists,          ///< If-None-Match forbade it
  other_blob,      ///< 412: If-Match found another one
  no_such_blocks,  ///< InvalidBlockList: committed already, or dropped by another writer's commit
  later,           ///< the same request may succeed after a pause
  unauthenticated, ///< 403 for a wrong key, or for a wrong clock: the header Date tells
  stale_token,     ///< 401: authorise again with a new token
  of_this_blob,    ///< refused for a reason that lies in this blob
  final,           ///< asking again gets the same answer
};

struct azure_verdict {
  azure_meaning meaning;
  azure_error error; ///< code empty if the server said none
  /// For `later` repeats later, else never.
  request_failure failure;

  /// The same after its cause was mended: to be repeated at once.
  request_failure mended() const;
};

/// Any answer but the success that was hoped for.
azure_verdict judge_azure(const question& q, const http::response& head, std::string_view body);

} // namespace wale::store
