// The one unit that compiles Asio itself; all others only declare
// (BOOST_ASIO_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>
