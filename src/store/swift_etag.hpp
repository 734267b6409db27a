#pragma once
// Swift's ETags are MD5, so an answer says whether it has the bytes that were sent. Pure.

#include "bucket.hpp"
#include "question.hpp"

#include <wale/http/message.hpp>

#include <string>
#include <vector>

namespace wale::store {

/// Whether the answer to a PUT names the MD5 of what was sent, quoted or not. One that names none
/// is unreadable.
bool names_swift_etag(const question& q, const http::response& head, const std::string& sent);
/// Throws the same way if it does not.
void require_swift_etag(const question& q, const http::response& head, const std::string& sent);

/// The ETag of a large object: MD5 of the MD5s of its segments in hexadecimal, one after the other.
std::string etag_of_parts(const std::vector<uploaded_part>& parts);

} // namespace wale::store
