#pragma once
// JSON text as Python's json.dumps() writes it, since WAL-E's archives are compared byte for byte.

#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>

namespace wale::catalog {

/// Separators ", " and ": ", everything beyond ASCII escaped, keys in order of insertion.
/// A byte that is not of UTF-8, as a path may have, becomes a lone surrogate, \udc80 to \udcff
/// (PEP 383).
std::string dump_like_python(const boost::json::value& v);

/// What dump_like_python() and Python wrote: lone surrogates of that kind become bytes again.
boost::json::value parse_like_python(std::string_view text, boost::system::error_code& error);

} // namespace wale::catalog
