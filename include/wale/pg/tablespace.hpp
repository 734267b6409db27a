#pragma once
// Where a tablespace lies, as a data directory and a backup's sentinel say it.

#include <string>

namespace wale::pg {

struct tablespace {
  std::string oid;      ///< digits
  std::string location; ///< the link's target as it stands, without a trailing slash
  std::string link;     ///< pg_tblspc/OID
};

} // namespace wale::pg
