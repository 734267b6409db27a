// The same for the layers that have coroutines.

#include "standard.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
