#pragma once
// What Swift's refusals mean. Pure. Its error bodies are pages for people, so status and headers
// decide.
//
// Statuses: Object Storage API Reference; OpenStack Swift documentation, "Static Large Objects"
// (409: a segment is missing or has changed) and "Rate Limiting" (498).

#include "bucket.hpp"
#include "question.hpp"

#include <wale/http/message.hpp>

#include <string>

namespace wale::store {

enum class swift_meaning {
  not_there,   ///< 404 by Swift itself: the object, or its container: ask about that next
  exists,      ///< 412: If-None-Match forbade it, or If-Match found another object
  stale_token, ///< 401: sign in again
  later,       ///< the same request may succeed after a pause
  broken,      ///< 409 to a GET: a large object whose segments are not what they were
  final,       ///< asking again gets the same answer
};

enum class swift_method { get, other };

struct swift_verdict {
  swift_meaning meaning;
  /// For `later` repeats later, for stale_token at once, else never.
  request_failure failure;

  /// The same for good: the cause was mended already, and the answer stayed.
  request_failure unmended() const;
};

/// Any answer but the success that was hoped for.
swift_verdict judge_swift(
    const question& q, const http::response& head, swift_method asked = swift_method::other);

/// The container does not exist, so no answer about an object in it says anything.
request_failure missing_container(const question& q, const std::string& container);

} // namespace wale::store
