// Boost.JSON, compiled once for the whole program: this is the leftmost layer that uses it.
#include <boost/json/src.hpp>
