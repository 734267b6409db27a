#pragma once
// Where a restore is to put the tablespaces, as --restore-spec says it: WAL-E's JSON, the `spec` of
// a sentinel (docs/format.md "Sentinel"), given in part or whole. Pure.

#include <wale/catalog/sentinel.hpp>

#include <map>
#include <string>
#include <string_view>

namespace wale::catalog {

/// What --restore-spec and --blind-restore ask for.
struct restore_wish {
  std::string directory;                       ///< to restore into; empty: not said
  std::map<std::string, std::string> places{}; ///< absolute directory for a tablespace's OID
  bool blind = false; ///< tablespaces without a place become directories in pg_tblspc
};

/// The text of a specification, which `where` names in messages. What it leaves out is taken from
/// `backup`: a file with no more than one tablespace's object moves that one and leaves the others
/// where they were. A `tablespaces` list of its own names all that get a place. Unlike WAL-E, only
/// the file's own base_prefix decides the directory.
/// Throws kind::configuration for whatever is not of this form or names a tablespace that the
/// backup does not have.
restore_wish
read_restore_spec(std::string_view text, const std::string& where, const sentinel& backup);

/// `SOURCE`: every tablespace where it was when the backup was taken.
restore_wish source_restore_spec(const sentinel& backup);

} // namespace wale::catalog
