#pragma once
// What the headers of a successful answer about an object say, for stores that tell it in ETag,
// Content-Length and fields of ours. Pure. Missing ones are failures: a head that was cut short
// must never look like a success.

#include "bucket.hpp"
#include "question.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace wale::store {

/// How a kind of store writes them. All of it lives as long as the program.
struct answer_dialect {
  const char* server; ///< for the HINT: `an S3 server`
  const char* token_field;
  const char* digest_field;
};

/// As in question.hpp.
request_failure unreadable(const answer_dialect& as, const question& q, const std::string& what);

/// The ETag, which every success about an object has.
std::string require_etag(const answer_dialect& as, const question& q, const http::response& head);

/// Of an answer to HEAD.
object_facts
facts_of_whole(const answer_dialect& as, const question& q, const http::response& head);

/// Of an answer to GET that must begin at `offset`. `length` is that of its body.
object_facts facts_of_rest(
    const answer_dialect& as,
    const question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset);

} // namespace wale::store
