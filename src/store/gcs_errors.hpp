#pragma once
// What an answer of Cloud Storage that is not a success means, and how to say it to an operator.
// Pure. Source: Cloud Storage JSON API, "HTTP status and error codes".
//
// A 404 says alike that the object or that its bucket is not there: absence is settled by asking
// for a listing of exactly that name, which succeeds where the bucket is and can be read.

#include "bucket.hpp"
#include "question.hpp"

#include <wale/http/message.hpp>

#include <string>
#include <string_view>

namespace wale::store {

enum class gcs_meaning {
  not_found,     ///< 404: the object, its bucket, or an upload
  exists,        ///< 412: ifGenerationMatch forbade it
  later,         ///< the same request may succeed after a pause
  refused_token, ///< 401: again with a new token
  retained,      ///< a retention policy or a hold keeps this object as it is
  final,         ///< asking again gets the same answer
};

/// The JSON API's error document; reason is that of its first error.
struct gcs_error {
  std::string reason;
  std::string message;
};
gcs_error parse_gcs_error(std::string_view body);

struct gcs_verdict {
  gcs_meaning meaning;
  /// For `later` repeats later, for refused_token at once, else never.
  request_failure failure;

  /// The same for good.
  request_failure unmended() const;
};

gcs_verdict judge_gcs(const question& q, const http::response& head, std::string_view body);

/// A success that cannot be read as one; repeats later.
request_failure unreadable(const question& q, const std::string& what);

} // namespace wale::store
