#pragma once
// Reads what a backup must know about its server, as far as the role may.

#include <wale/pg/backup_session.hpp>

namespace wale::pg {

task<server_facts> read_server_facts(connection& session);

} // namespace wale::pg
