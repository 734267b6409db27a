// The same for tests.

#include "coroutines.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
