#pragma once
// What backup-fetch's command line asks for, with the file that it names.

#include "restore_target.hpp"

#include <wale/command/command_line.hpp>

namespace wale::command {

/// The target of `backup` as --restore-spec, --blind-restore, --overwrite and the directory operand
/// want it; examine_target() has the rules. A specification's base_prefix takes the place of the
/// directory, as in WAL-E, with a WARNING; kind::refused together with --overwrite. Blocks.
restore_target requested_target(const command_line& line, const catalog::sentinel& backup);

} // namespace wale::command
