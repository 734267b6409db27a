// The lzop stages of a pipeline: same bytes as the codec, small budgets, failures, cancellation.
#include "lzop_program.hpp"
#include "stream_fixture.hpp"

#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <memory>

using namespace wale;
using namespace wale::archive;
using namespace wale::archive::test;
using ending = string_source::ending;

namespace {

const lzop_stamp stamp{0100600, 1700000000}; // as encode() has it

/// A pipeline on a string, and what is seen of it afterwards.
struct scenario {
  std::string input;
  std::size_t piece = io::block::payload;
  std::size_t input_blocks = 4;
  std::size_t own_blocks = 4;
  ending last = ending::regular;

  std::string output = {};
  std::vector<std::size_t> block_sizes = {};
  std::string error = {}; ///< MSG
  kind why = kind::bug;
  std::string digest = {};
  std::uint64_t plain_bytes = 0, compressed_bytes = 0;
  source_log log = {};
};

template <class Stage>
std::unique_ptr<Stage>
make_stage(io::runtime& rt, std::unique_ptr<io::source> source, io::block_budget budget) {
  if constexpr (std::is_same_v<Stage, lzop_compressor>)
    return std::make_unique<Stage>(
        rt, std::move(source), std::move(budget), stamp, plain_digest::yes);
  else
    return std::make_unique<Stage>(rt, std::move(source), std::move(budget), plain_digest::yes);
}

template <class Stage> task<> play(io::runtime& rt, scenario& s) {
  io::block_budget budget = co_await rt.blocks().reserve(s.input_blocks + s.own_blocks);
  io::block_budget own = budget.split(s.own_blocks);
  auto source = std::make_unique<string_source>(std::move(budget), s.input, s.piece, s.log, s.last);
  auto stage = make_stage<Stage>(rt, std::move(source), std::move(own));
  try {
    while (true) {
      const io::block b = co_await stage->next();
      if (!b) break;
      append(s.output, b);
      s.block_sizes.push_back(b.size());
    }
    const io::block again = co_await stage->next();
    if (again) s.error = "a block after the end";
    s.digest = to_hex(stage->digest());
  } catch (const failure& f) {
    s.error = f.text().msg;
    s.why = f.why();
  }
  s.plain_bytes = stage->plain_bytes();
  s.compressed_bytes = stage->compressed_bytes();
  co_await stage->close();
}

template <class Stage> scenario run(scenario s) {
  run_task([&s](io::runtime& rt) { return play<Stage>(rt, s); });
  CHECK(s.log.closes == 1);
  return s;
}

std::string sha256_of(const std::string& bytes) {
  sha256 digest;
  digest.update(bytes_of(bytes));
  return to_hex(digest.finish());
}

} // namespace

TEST_CASE("the compressor yields what the codec makes of full blocks", "[io]") {
  for (const auto& [name, plain] : samples()) {
    INFO(name);
    const scenario s = run<lzop_compressor>({plain});
    CHECK(s.error == "");
    CHECK((s.output == encode(plain)));
    CHECK(s.digest == sha256_of(plain));
    CHECK(s.plain_bytes == plain.size());
    CHECK(s.compressed_bytes == s.output.size());
  }
}

TEST_CASE("the decompressor yields the plain bytes, however its input is cut", "[io]") {
  for (const auto& [name, plain] : samples()) {
    const std::string compressed = encode(plain);
    for (std::size_t piece :
         {io::block::payload, io::block::payload - 1, std::size_t{100000}, std::size_t{777}}) {
      INFO(name << " in pieces of " << piece);
      const scenario s = run<lzop_decompressor>({compressed, piece, 2});
      CHECK(s.error == "");
      CHECK((s.output == plain));
      CHECK(s.digest == sha256_of(plain));
      CHECK(s.plain_bytes == plain.size());
      CHECK(s.compressed_bytes == compressed.size());
    }
  }
}

TEST_CASE("both need no more than two input blocks and one of their own", "[io]") {
  const std::string plain = text(1500000) + noise(3000000) + zeros(1000000) + text(900000);
  for (std::size_t piece : {io::block::payload, std::size_t{50000}}) {
    const scenario packed = run<lzop_compressor>({plain, piece, 2, 1});
    CHECK((packed.output == encode(plain, piece)));
    const scenario unpacked = run<lzop_decompressor>({packed.output, piece, 2, 1});
    CHECK((unpacked.output == plain));
  }
}

TEST_CASE("the compressor packs small results together", "[io]") {
  const std::string plain = zeros(20 * io::block::payload) + text(10 * io::block::payload) +
                            noise(1000) + noise(5 * io::block::payload) +
                            text(3 * io::block::payload);
  const scenario s = run<lzop_compressor>({plain});
  CHECK((s.output == encode(plain)));
  for (std::size_t i = 0; i + 1 < s.block_sizes.size(); ++i)
    CHECK(s.block_sizes[i] + s.block_sizes[i + 1] > io::block::payload);
  CHECK(s.block_sizes.size() <= 2 * s.output.size() / io::block::payload + 2);
}

TEST_CASE("what other lzops wrote is decompressed", "[io]") {
  const std::string plain = text(600000) + noise(400000);
  for (const char* options : {"-9c --crc32 FILE", "-c -F", "-1c --filter=4 FILE"}) {
    INFO(options);
    const std::string one = run_lzop(options, plain).output;
    const scenario s = run<lzop_decompressor>({one + encode("") + one});
    CHECK(s.error == "");
    CHECK((s.output == plain + plain));
  }
}

TEST_CASE("a failure of the source comes out behind the blocks before it", "[io]") {
  const std::string plain = text(5 * io::block::payload);
  const std::string compressed = encode(plain);
  const scenario packed = run<lzop_compressor>({plain, 100000, 4, 1, ending::failure});
  CHECK(packed.error == "the test's source failed");
  CHECK(packed.why == kind::unavailable);
  const scenario unpacked = run<lzop_decompressor>(
      {compressed.substr(0, compressed.size() - 4), 30000, 4, 4, ending::failure});
  CHECK(unpacked.error == "the test's source failed");
  CHECK((unpacked.output == plain));
}

TEST_CASE("damage comes out as corrupt, behind the blocks before it", "[io]") {
  const std::string plain = noise(5 * io::block::payload);
  const std::string whole = encode(plain);
  std::string flipped = whole;
  const std::size_t third = lzop_header_size + 2 * (lzop_block_head_size + io::block::payload);
  flipped[third + 5000] ^= 1;
  std::string headless = whole;
  headless[third] ^= 1;
  for (const std::string& damaged :
       {flipped,
        headless,
        whole.substr(0, third),
        whole.substr(0, third + 5),
        whole.substr(0, third + 70000)})
    for (std::size_t piece : {io::block::payload, std::size_t{10000}}) {
      const scenario s = run<lzop_decompressor>({damaged, piece});
      CHECK(s.error == "lzop data is corrupt");
      CHECK(s.why == kind::corrupt);
      CHECK((s.output == plain.substr(0, 2 * io::block::payload)));
    }
  CHECK(run<lzop_decompressor>({""}).why == kind::corrupt);
  CHECK(run<lzop_decompressor>({whole + "x"}).why == kind::corrupt);
}

namespace {

template <class Stage> task<> hang(std::string input, io::runtime& rt, source_log& log) {
  io::block_budget budget = co_await rt.blocks().reserve(8);
  io::block_budget own = budget.split(4);
  auto source = std::make_unique<string_source>(
      std::move(budget), std::move(input), io::block::payload, log, ending::hang);
  string_source& raw = *source;
  auto stage = make_stage<Stage>(rt, std::move(source), std::move(own));

  io::task_group group(rt.context().get_executor());
  bool interrupted = false;
  const auto reader = [](io::source& from, bool& flag) -> task<> {
    try {
      co_await read_all(from);
    } catch (const failure& f) {
      flag = f.why() == kind::interrupted;
    }
    co_await from.close();
  };
  group.spawn(reader(*stage, interrupted));
  co_await raw.wait_until_hanging();
  group.cancel();
  co_await group.join();
  CHECK(interrupted);
  CHECK(log.closes == 1);
}

} // namespace

TEST_CASE("cancellation leaves nothing behind", "[io]") {
  const std::string plain = text(6 * io::block::payload) + noise(1000000);
  source_log packing, unpacking;
  run_task([&](io::runtime& rt) { return hang<lzop_compressor>(plain, rt, packing); });
  run_task([&](io::runtime& rt) {
    return hang<lzop_decompressor>(encode(plain).substr(0, 900000), rt, unpacking);
  });
  CHECK(packing.waits);
  CHECK(unpacking.waits);
}

namespace {

/// Takes `blocks` blocks, then closes while work is under way; twice, which is allowed.
template <class Stage> task<> leave_early(std::string input, std::size_t blocks, io::runtime& rt) {
  source_log log;
  io::block_budget budget = co_await rt.blocks().reserve(20);
  io::block_budget own = budget.split(10);
  auto source =
      std::make_unique<string_source>(std::move(budget), std::move(input), io::block::payload, log);
  auto stage = make_stage<Stage>(rt, std::move(source), std::move(own));
  for (std::size_t i = 0; i < blocks; ++i) {
    const io::block b = co_await stage->next();
    CHECK(b);
  }
  co_await stage->close();
  co_await stage->close();
  CHECK(log.closes == 2);
}

} // namespace

TEST_CASE("a stage may be closed at any time", "[io]") {
  const std::string plain = noise(20 * io::block::payload);
  for (std::size_t blocks : {0, 1, 5}) {
    run_task([&](io::runtime& rt) { return leave_early<lzop_compressor>(plain, blocks, rt); });
    run_task(
        [&](io::runtime& rt) { return leave_early<lzop_decompressor>(encode(plain), blocks, rt); });
  }
}
