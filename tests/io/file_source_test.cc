// Files as streams of blocks.
#include "fixture.hpp"
#include "support/scratch_dir.hpp"

#include <wale/io/file_source.hpp>
#include <wale/io/stream.hpp>

#include <algorithm>
#include <string>

using namespace wale;
using namespace wale::io;
using namespace wale::io::test;
using wale::test::scratch_dir;

namespace {

std::string text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

task<std::vector<std::byte>> drain(source& from) {
  std::vector<std::byte> all;
  while (true) {
    const block b = co_await from.next();
    if (!b) break;
    REQUIRE(!b.empty());
    all.insert(all.end(), b.bytes().begin(), b.bytes().end());
  }
  co_return all;
}

task<std::unique_ptr<source>>
open_source(runtime& rt, std::string path, std::uint64_t length, std::size_t blocks) {
  file f = co_await file::open(rt, path, O_RDONLY);
  block_budget budget = co_await rt.blocks().reserve(blocks);
  co_return read_file(rt, std::move(f), length, std::move(budget));
}

task<> drain_only(source& from) {
  co_await drain(from);
}

} // namespace

WALE_IO_TEST("a file comes in order, whatever the read-ahead") {
  const scratch_dir dir;
  const auto bytes = patterned(10 * block::payload + 12'345);
  dir.write("a", text(bytes));
  for (const std::size_t blocks : {1, 2, 4, 20}) {
    const auto s = co_await open_source(rt, dir / "a", bytes.size(), blocks);
    const auto got = co_await drain(*s);
    REQUIRE(got == bytes);
    const block again = co_await s->next();
    REQUIRE(!again);
    co_await s->close();
    co_await s->close();
    REQUIRE(rt.blocks().available() + blocks >= rt.blocks().size());
  }
}

WALE_IO_TEST("only the length that was asked for is read, nothing of an empty file") {
  const scratch_dir dir;
  const auto bytes = patterned(3 * block::payload);
  dir.write("a", text(bytes));
  dir.write("empty", "");
  for (const std::size_t length : {std::size_t{1}, block::payload, block::payload + 1}) {
    const auto s = co_await open_source(rt, dir / "a", length, 4);
    const auto got = co_await drain(*s);
    REQUIRE(std::ranges::equal(got, std::span(bytes).first(length)));
    co_await s->close();
  }
  const auto none = co_await open_source(rt, dir / "empty", 0, 4);
  const auto got = co_await drain(*none);
  REQUIRE(got.empty());
  co_await none->close();
}

WALE_IO_TEST("a file that became shorter is corrupt") {
  const scratch_dir dir;
  dir.write("a", std::string(block::payload + 10, 'x'));
  const auto s = co_await open_source(rt, dir / "a", 3 * block::payload, 4);
  const auto error = co_await error_of(drain_only(*s));
  REQUIRE(failure_in(error).why() == kind::corrupt);
  co_await s->close();
}

WALE_IO_TEST("closing early waits for the reads in flight and gives the blocks back") {
  const scratch_dir dir;
  const auto bytes = patterned(8 * block::payload);
  dir.write("a", text(bytes));
  {
    const auto s = co_await open_source(rt, dir / "a", bytes.size(), 8);
    const block first = co_await s->next();
    REQUIRE(first);
    co_await s->close();
  }
  REQUIRE(rt.blocks().available() == rt.blocks().size());
}
