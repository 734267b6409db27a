#pragma once
// JSON text as Python's json.dumps() writes it, since WAL-E's archives are compared byte for byte.

#include <boost/json/value.hpp>

#include <string>

namespace wale::catalog {

/// Separators ", " and ": ", everything beyond ASCII escaped, keys in order of insertion.
std::string dump_like_python(const boost::json::value& v);

} // namespace wale::catalog
