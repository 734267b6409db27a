// Partitions: files -> tar -> lzop -> store, several at once.
#include "backup_upload.hpp"

#include "encryption.hpp"

#include <wale/archive/lzop_stream.hpp>
#include <wale/archive/partition.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

namespace wale::command {
namespace {

constexpr std::string_view logger = "wal_e.worker.upload";

// The least that keeps a pipeline moving: see lzop_compressor and partition_packer. The most is
// what stays in the cache: 10 blocks take 10 % less CPU than 28. The store's staging comes on top.
constexpr std::size_t least_blocks = 4;
constexpr std::size_t most_blocks = 10;

std::string rate_of(std::uint64_t bytes, std::chrono::steady_clock::duration took) {
  const double seconds = std::chrono::duration<double>(took).count();
  if (seconds <= 0) return "NaN";
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(bytes) / 1024 / seconds);
  return text;
}

struct putting {
  store::store& archive;
  backup_objects& objects;
  store::object_key key;
  io::block_budget staging;
  std::uint64_t& bytes;

  task<> operator()(io::source& body) {
    store::put_request request;
    request.key = key;
    request.condition = store::put_condition::create_only;
    request.staging = std::move(staging);
    objects.begin(key);
    const store::put_result result = co_await archive.put(std::move(request), body);
    objects.done(key, result);
    bytes = result.bytes;
  }
};

// Returns the compressed size; `summary` is what went into it.
task<std::uint64_t> store_partition(
    context c,
    backup_objects& objects,
    std::uint32_t number,
    archive::pack_plan plan,
    io::block_budget blocks,
    archive::pack_summary& summary) {
  const store::object_key key = catalog::partition_key(objects.name(), number);
  const std::string url = c.archive.url(key);
  log::info(
      logger, {"beginning volume compression", "Building volume " + std::to_string(number) + "."});
  log::info(logger, {"begin uploading a base backup volume", "Uploading to \"" + url + "\"."});

  const auto began = std::chrono::steady_clock::now();
  io::block_budget staging = blocks.split(c.archive.staging_blocks());
  io::block_budget encrypting = blocks.split(encryption_blocks());
  auto packer =
      std::make_unique<archive::partition_packer>(c.rt, std::move(blocks), std::move(plan));
  const archive::partition_packer& packed = *packer;
  archive::lzop_stamp stamp;
  stamp.mtime = static_cast<std::uint64_t>(std::time(nullptr));
  io::block_budget no_spare; // a tar is never empty
  auto compressed = std::make_unique<archive::lzop_compressor>(
      c.rt, std::move(packer), std::move(no_spare), stamp);
  const std::unique_ptr<io::source> body =
      encrypted(c.rt, std::move(compressed), std::move(encrypting));
  std::uint64_t bytes = 0;
  putting put{c.archive, objects, key, std::move(staging), bytes};
  co_await io::with_source(*body, std::move(put));
  summary = packed.summary();

  const std::string rate = rate_of(bytes, std::chrono::steady_clock::now() - began);
  log::info(
      logger,
      {"finish uploading a base backup volume",
       "Uploading to \"" + url + "\" complete at " + rate + "KiB/s. "});
  co_return bytes;
}

// What the workers of one backup share; outlives them.
struct work_list {
  context c;
  backup_objects& objects;
  const std::vector<tree_entry>& entries;
  cluster_reading& reading;
  std::vector<archive::partition> partitions;
  std::size_t next = 0;
  std::size_t blocks_each = 0;
  upload_totals totals = {};
};

task<> work(work_list& list) {
  while (list.next < list.partitions.size()) {
    const std::size_t number = list.next++;
    const archive::partition& p = list.partitions[number];
    io::block_budget blocks = co_await list.c.rt.blocks().reserve(list.blocks_each);
    archive::pack_plan plan;
    plan.entries.assign(
        list.entries.begin() + static_cast<std::ptrdiff_t>(p.first),
        list.entries.begin() + static_cast<std::ptrdiff_t>(p.last));
    plan.gate = [&list](std::size_t wanted) { return list.reading.pass(wanted); };
    archive::pack_summary summary;
    list.totals.compressed += co_await store_partition(
        list.c,
        list.objects,
        static_cast<std::uint32_t>(number),
        std::move(plan),
        std::move(blocks),
        summary);
    list.totals.vanished += summary.vanished.size();
    list.reading.meter().add(p.size - std::min(p.size, summary.file_bytes)); // what vanished
  }
}

void require_unchanged(const archive::pack_summary& summary) {
  if (summary.vanished.empty() && summary.padded == 0) return;
  throw failure(
      kind::unavailable,
      "files changed that the backup cannot do without",
      summary.vanished.empty() ? "One became shorter."
                               : "\"" + summary.vanished.front() + "\" was removed.",
      "Start the backup again.");
}

} // namespace

task<upload_totals> upload_partitions(
    context c,
    backup_objects& objects,
    const std::vector<tree_entry>& entries,
    std::size_t at_once,
    cluster_reading& reading) {
  const std::size_t pool = c.rt.blocks().size() - 1; // one for small objects
  const std::size_t staging = c.archive.staging_blocks() + encryption_blocks();
  at_once = std::min(at_once, pool / (least_blocks + staging));
  work_list list{c, objects, entries, reading, archive::plan_partitions(entries, at_once)};
  list.totals.partitions = static_cast<std::uint32_t>(list.partitions.size());
  list.totals.expanded = archive::expanded_size(list.partitions);
  reading.meter().expect(list.totals.expanded);
  at_once = std::min(at_once, list.partitions.size());
  list.blocks_each = std::clamp(
      pool / std::max<std::size_t>(at_once, 1), least_blocks + staging, most_blocks + staging);

  io::task_group workers(c.rt.context().get_executor());
  for (std::size_t i = 0; i < at_once; ++i)
    workers.spawn(work(list));
  co_await workers.join();
  co_return list.totals;
}

task<std::uint64_t> upload_last_partition(
    context c, backup_objects& objects, std::uint32_t number, archive::pack_plan plan) {
  const std::size_t wanted = least_blocks + c.archive.staging_blocks() + encryption_blocks();
  io::block_budget blocks = co_await c.rt.blocks().reserve(wanted);
  archive::pack_summary summary;
  const std::uint64_t bytes =
      co_await store_partition(c, objects, number, std::move(plan), std::move(blocks), summary);
  require_unchanged(summary);
  co_return bytes;
}

} // namespace wale::command
