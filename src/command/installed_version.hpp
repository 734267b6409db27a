#pragma once
// Which PostgreSQL a cluster that does not run is of.

#include <wale/io/runtime.hpp>
#include <wale/io/task.hpp>

#include <string>
#include <string_view>

namespace wale::command {

/// What `pg_config --version` prints, for example `PostgreSQL 15.18 (Debian 15.18-0+deb12u1)`, as
/// WAL-E stores it; where there is no pg_config, or it is of another major version than `major`
/// (the content of PG_VERSION), only `PostgreSQL MAJOR`.
task<std::string> installed_version(io::runtime& rt, std::string major);

/// The server_version_num of such a text: 150018, 90624. Pure.
int version_number(std::string_view text);
/// Whether `text` is of that major version. Pure.
bool is_of_major(std::string_view text, std::string_view major);

} // namespace wale::command
