#pragma once
// What a success of Cloud Storage says about objects and uploads. Pure. What is missing or cannot
// be read is a failure: an answer that was cut short must never look like a success.

#include "bucket.hpp"
#include "gcs_errors.hpp"

#include <wale/http/message.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wale::store {

/// An object resource as "Objects" of the JSON API describes it, of which `fields` chose these.
/// The mark (`etag`) of object_facts is the generation.
object_facts parse_object(const question& q, std::string_view json);

/// Of an answer with media that must begin at `offset`. `length` is that of its body.
object_facts facts_of_media(
    const question& q,
    const http::response& head,
    std::optional<std::uint64_t> length,
    std::uint64_t offset);

struct gcs_listing {
  std::vector<object_info> objects; ///< keys are whole names
  std::string next_page;            ///< empty if there is none
};
gcs_listing parse_gcs_listing(const question& q, std::string_view json);

/// Path and query of a resumable upload's session, from the header Location. Host and scheme of it
/// are not used: the token goes to nobody but the endpoint.
std::string session_target(const question& q, const http::response& head);

/// How many bytes a session has by its 308: the header Range, `bytes=0-LAST`, absent for none.
std::uint64_t held_bytes(const question& q, const http::response& head);

/// `updated` as WAL-E printed it, by Python's str(datetime): `2026-11-20 18:45:57.123000+00:00`,
/// without a fraction if that is 0.
std::string python_time(std::int64_t ns);

} // namespace wale::store
