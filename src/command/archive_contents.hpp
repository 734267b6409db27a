#pragma once
// What `delete` has to know of the archive before it can plan.

#include "context.hpp"

#include <wale/catalog/retention.hpp>

#include <chrono>

namespace wale::command {

/// Lists the archive, and reads when each backup was taken and the timelines' histories. What is
/// damaged counts as unknown, of which a WARNING tells.
task<catalog::archive_contents> look_at_archive(context c, std::chrono::seconds grace);

/// Throws kind::refused if what `plan` takes for remains of an unfinished backup has changed since
/// `archive` was listed: somebody is writing it.
task<> require_still_unfinished(
    context c, const catalog::archive_contents& archive, const catalog::retention_plan& plan);

} // namespace wale::command
