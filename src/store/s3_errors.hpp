#pragma once
// What an answer of S3 that is not a success means, and how to say it to an operator. Pure.
//
// Absence is only a 404 whose Error document has the code NoSuchKey. An answer to HEAD has no body,
// so its 400, 403 and 404 prove nothing: settle them by a GET of the same key with
// `Range: bytes=0-0`, whose answer can be read (416 InvalidRange: it is there, and empty).

#include "bucket.hpp"
#include "question.hpp"
#include "s3_xml.hpp"

#include <wale/http/message.hpp>

#include <string>
#include <string_view>

namespace wale::store {

enum class s3_meaning {
  absent,         ///< NoSuchKey: exactly this object is not there
  exists,         ///< 412: If-None-Match forbade it, or If-Match found another object
  no_such_upload, ///< completed or aborted already, perhaps by our own lost request
  later,          ///< the same request may succeed after a pause
  wrong_clock,    ///< RequestTimeTooSkewed: sign again with the server's time (header Date)
  stale_token,    ///< ExpiredToken and its kin: sign again with new credentials
  other_region,   ///< the bucket is in `region`: sign again for it, unless it was signed for it
  unsupported,    ///< 501: the server lacks what a header asks for
  final,          ///< asking again gets the same answer
};

struct s3_verdict {
  s3_meaning meaning;
  std::string region; ///< for other_region; never empty there
  s3_error error;     ///< code empty if the body was no Error document
  /// For `later` repeats later, for wrong_clock, stale_token and other_region at once, else never.
  /// Throw it after having mended the cause.
  request_failure failure;

  /// The same for good: the cause was mended already, and the answer stayed.
  request_failure unmended() const;
};

/// Any answer but the success that was hoped for: a status of 300 and more, or a 200 whose body is
/// an Error document.
s3_verdict judge_s3(const question& q, const http::response& head, std::string_view body);

/// The same for an Error document inside a 200 (CompleteMultipartUpload).
s3_verdict judge_inner(const question& q, const http::response& head, const s3_error& error);

} // namespace wale::store
