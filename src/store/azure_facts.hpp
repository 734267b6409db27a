#pragma once
// What the headers of a successful answer say about a blob. Pure. Missing ones are failures: a head
// that was cut short must never look like a success.

#include "azure_errors.hpp"
#include "bucket.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace wale::store {

/// The ETag, which every success about a blob has.
std::string require_azure_etag(const azure_question& q, const http::response& head);

/// Of an answer to HEAD.
object_facts azure_facts_of_whole(const azure_question& q, const http::response& head);

/// Of an answer to GET that must begin at `offset`. `length` is that of its body.
object_facts azure_facts_of_rest(
    const azure_question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset);

/// If-Match found another blob.
failure azure_blob_replaced(const azure_question& q);

} // namespace wale::store
