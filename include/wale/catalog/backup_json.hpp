#pragma once
// A backup as `backup-list --json` shows it. Pure.

#include <wale/catalog/catalog.hpp>

#include <optional>
#include <string>

namespace wale::catalog {

/// One JSON object on one line: WAL-E's columns, then what else sentinel and metadata tell. Sizes
/// are numbers, times RFC 3339 in UTC; what is not known is null.
std::string backup_json(
    const backup& b,
    const std::optional<sentinel>& its_sentinel,
    const std::optional<metadata>& its_metadata);

} // namespace wale::catalog
