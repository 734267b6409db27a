// Files of a tree, opened.
#include "opened_files.hpp"
#include "support/scratch_dir.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <fcntl.h>

using namespace wale;
using namespace wale::archive;
using wale::test::scratch_dir;

// They are read through io_uring: tests/io/file_test.cc says what O_NONBLOCK would do there.
TEST_CASE("a file of the tree is opened without waiting and read with waiting") {
  const scratch_dir dir;
  dir.write("a", "0123456789");
  std::array<tree_entry, 1> entries;
  entries[0].path = dir / "a";
  entries[0].size = 10;
  const std::vector<open_result> results = open_entries(entries);
  REQUIRE(results.at(0).fd);
  REQUIRE((::fcntl(results[0].fd.get(), F_GETFL) & O_NONBLOCK) == 0);
}
