#pragma once
// Times as S3, STS and the metadata services write them. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace wale::store {

/// Nanoseconds since the epoch of `2026-11-20T18:45:57.123Z`: any fraction or none; `Z`, an offset
/// such as `+01:00`, or nothing, which means UTC. nullopt for anything else (RFC 3339 section 5.6).
std::optional<std::int64_t> parse_iso_time(std::string_view text);

} // namespace wale::store
