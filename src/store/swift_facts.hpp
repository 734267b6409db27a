#pragma once
// What the headers of a successful answer say about an object. Pure. Missing ones are failures: a
// head that was cut short must never look like a success.

#include "bucket.hpp"
#include "swift_errors.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wale::store {

/// The answer to a PUT must name the MD5 of what was sent, quoted or not.
void require_swift_etag(
    const swift_question& q, const http::response& head, const std::string& sent);

/// Of an answer to HEAD.
object_facts swift_facts_of_whole(const swift_question& q, const http::response& head);

/// Of an answer to GET that must begin at `offset`. `length` is that of its body.
object_facts swift_facts_of_rest(
    const swift_question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset);

/// The ETag of a large object: MD5 of the MD5s of its segments in hexadecimal, one after the other.
std::string etag_of_parts(const std::vector<uploaded_part>& parts);

} // namespace wale::store
