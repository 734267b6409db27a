// How fast one core, and the whole pool, go through blocks. Bytes per second are plain bytes;
// `ratio` is plain to stored.
//
//   build/bench/codec_bench --benchmark_filter=pipeline
#include "sample_data.hpp"

#include <wale/archive/adler32.hpp>
#include <wale/archive/lzop.hpp>
#include <wale/archive/lzop_stream.hpp>
#include <wale/base/digest.hpp>

#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <sys/resource.h>
#include <vector>

namespace {

using namespace wale;
using namespace wale::archive;

constexpr std::size_t block_size = lzop_block_limit;
constexpr std::size_t sample_size = 64 * block_size; // a WAL segment

enum sample { heap, wal, random_bytes, half_random };

const std::string& bytes_of(std::int64_t which) {
  static const std::string samples[] = {
      bench::heap_like(sample_size),
      bench::wal_like(sample_size),
      bench::noise(sample_size),
      bench::heap_like(sample_size / 2) + bench::noise(sample_size / 2)};
  return samples[which];
}

void each_sample(benchmark::internal::Benchmark* b) {
  b->ArgName("heap0_wal1_noise2")->Arg(heap)->Arg(wal)->Arg(random_bytes);
}

std::span<const std::byte> block_of(const std::string& bytes, std::size_t number) {
  return std::as_bytes(std::span(bytes)).subspan(number * block_size, block_size);
}

void count(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(sample_size));
}

void adler32_of_blocks(benchmark::State& state) {
  const std::string& bytes = bytes_of(state.range(0));
  for (auto _ : state)
    for (std::size_t i = 0; i < sample_size / block_size; ++i)
      benchmark::DoNotOptimize(adler32(block_of(bytes, i)));
  count(state);
}
BENCHMARK(adler32_of_blocks)->Arg(heap);

void sha256_of_blocks(benchmark::State& state) {
  const std::string& bytes = bytes_of(state.range(0));
  for (auto _ : state) {
    sha256 digest;
    for (std::size_t i = 0; i < sample_size / block_size; ++i)
      digest.update(block_of(bytes, i));
    benchmark::DoNotOptimize(digest.finish());
  }
  count(state);
}
BENCHMARK(sha256_of_blocks)->Arg(heap);

/// Includes the copy that puts the plain bytes back, since encoding is in place.
void compress_blocks(benchmark::State& state) {
  const std::string& bytes = bytes_of(state.range(0));
  std::vector<std::byte> work(block_size);
  std::size_t stored = 0;
  for (auto _ : state) {
    stored = 0;
    for (std::size_t i = 0; i < sample_size / block_size; ++i) {
      std::memcpy(work.data(), block_of(bytes, i).data(), block_size);
      stored += lzop_encode(work).size;
    }
  }
  count(state);
  state.counters["ratio"] = static_cast<double>(sample_size) / static_cast<double>(stored);
}
BENCHMARK(compress_blocks)->Apply(each_sample);

std::vector<std::byte> compressed(const std::string& bytes) {
  const auto header = lzop_header({});
  std::vector<std::byte> all(header.begin(), header.end());
  std::vector<std::byte> work(block_size);
  for (std::size_t i = 0; i < bytes.size() / block_size; ++i) {
    std::memcpy(work.data(), block_of(bytes, i).data(), block_size);
    const lzop_encoded encoded = lzop_encode(work);
    all.insert(all.end(), encoded.head.begin(), encoded.head.end());
    all.insert(all.end(), work.begin(), work.begin() + static_cast<std::ptrdiff_t>(encoded.size));
  }
  all.insert(all.end(), lzop_end.begin(), lzop_end.end());
  return all;
}

void decompress_blocks(benchmark::State& state) {
  const auto stream = compressed(bytes_of(state.range(0)));
  std::vector<std::byte> plain(block_size);
  for (auto _ : state) {
    lzop_parser parser;
    std::span<const std::byte> input(stream);
    while (const auto block = parser.next_block(input)) {
      const auto stored = parser.take_stored(input);
      lzop_decode(*block, {&stored, 1}, plain);
    }
    parser.finish();
  }
  count(state);
}
BENCHMARK(decompress_blocks)->Apply(each_sample);

/// Yields `bytes` again and again, copying them as a read of a cached file would.
class repeating_source final : public io::source {
public:
  repeating_source(io::block_budget budget, std::span<const std::byte> bytes, std::size_t rounds)
      : budget_(std::move(budget)), bytes_(bytes), rounds_(rounds) {}

  task<io::block> next() override {
    if (at_ == bytes_.size()) {
      at_ = 0;
      --rounds_;
    }
    if (rounds_ == 0) co_return io::block();
    io::block b = co_await budget_.acquire();
    const std::size_t n = std::min(block_size, bytes_.size() - at_);
    std::memcpy(b.room().data(), bytes_.data() + at_, n);
    b.append(n);
    at_ += n;
    co_return std::move(b);
  }

  task<> close() override { co_return; }

private:
  io::block_budget budget_;
  std::span<const std::byte> bytes_;
  std::size_t rounds_;
  std::size_t at_ = 0;
};

/// Reads the pipeline to its end, dropping the blocks.
task<> drain(io::source& from) {
  while (true) {
    const io::block b = co_await from.next();
    if (!b) break;
  }
  co_await from.close();
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

constexpr std::size_t rounds = 8;

task<> compress_once(io::runtime& rt, const std::string& bytes, plain_digest digest) {
  io::block_budget budget = co_await rt.blocks().reserve(13);
  io::block_budget spare = budget.split(1);
  auto source = std::make_unique<repeating_source>(
      std::move(budget), std::as_bytes(std::span(bytes)), rounds);
  const lzop_stamp stamp{0600, 1700000000};
  lzop_compressor compressor(rt, std::move(source), std::move(spare), stamp, digest);
  co_await drain(compressor);
}

task<> decompress_once(io::runtime& rt, const std::vector<std::byte>& bytes, plain_digest digest) {
  io::block_budget budget = co_await rt.blocks().reserve(13);
  io::block_budget outputs = budget.split(6);
  auto source = std::make_unique<repeating_source>(std::move(budget), bytes, rounds);
  lzop_decompressor decompressor(rt, std::move(source), std::move(outputs), digest);
  co_await drain(decompressor);
}

template <class Once> void run_pipeline(benchmark::State& state, Once once) {
  io::runtime_options options;
  options.engine = io::engine_choice::threads;
  options.handle_signals = false;
  const double before = cpu_seconds();
  for (auto _ : state) {
    io::runtime rt(options);
    rt.run(once(rt));
  }
  const auto bytes = state.iterations() * static_cast<std::int64_t>(rounds * sample_size);
  state.SetBytesProcessed(bytes);
  state.counters["cpu_s_per_GB"] = (cpu_seconds() - before) / (static_cast<double>(bytes) / 1e9);
}

plain_digest digest_of(const benchmark::State& state) {
  return state.range(1) ? plain_digest::yes : plain_digest::no;
}

void compress_pipeline(benchmark::State& state) {
  const std::string& bytes = bytes_of(state.range(0));
  const plain_digest digest = digest_of(state);
  run_pipeline(state, [&](io::runtime& rt) { return compress_once(rt, bytes, digest); });
}

void decompress_pipeline(benchmark::State& state) {
  const auto bytes = compressed(bytes_of(state.range(0)));
  const plain_digest digest = digest_of(state);
  run_pipeline(state, [&](io::runtime& rt) { return decompress_once(rt, bytes, digest); });
}

void each_pipeline(benchmark::internal::Benchmark* b) {
  b->ArgNames({"heap0_wal1_noise2_half3", "sha256"})
      ->ArgsProduct({{heap, wal, random_bytes, half_random}, {0, 1}})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK(compress_pipeline)->Apply(each_pipeline);
BENCHMARK(decompress_pipeline)->Apply(each_pipeline);

} // namespace

BENCHMARK_MAIN();
