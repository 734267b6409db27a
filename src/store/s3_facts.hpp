#pragma once
// What the headers of a successful answer say about an object. Pure. Missing ones are failures: a
// head that was cut short must never look like a success.

#include "bucket.hpp"
#include "s3_errors.hpp"
#include "s3_xml.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace wale::store {

/// The ETag, which every success about an object has.
std::string require_etag(const s3_question& q, const http::response& head);

/// Of an answer to HEAD.
object_facts facts_of_whole(const s3_question& q, const http::response& head);

/// Of an answer to GET that must begin at `offset`. `length` is that of its body.
object_facts facts_of_rest(
    const s3_question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset);

/// If-Match found another object.
failure replaced_while_read(const s3_question& q);

/// A server that says "there is more" must also say something new.
void require_progress(const s3_question& q, const s3_uploads& before, const s3_uploads& now);

} // namespace wale::store
