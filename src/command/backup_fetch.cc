// backup-fetch: a base backup into a directory. pg_control gets its name when all else is durable,
// so a server can never start from an incomplete restore.
#include "context.hpp"
#include "progress_report.hpp"
#include "restore_files.hpp"
#include "restore_report.hpp"
#include "restore_request.hpp"
#include "restore_target.hpp"
#include "store_words.hpp"

#include <wale/archive/extract.hpp>
#include <wale/archive/gpg.hpp>
#include <wale/archive/lzop_stream.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/file.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr std::string_view logger = "wal_e.operator.backup";
constexpr const char* control_file = "global/pg_control";
constexpr const char* held_control_file = "global/.wal-e-pg_control";
constexpr const char* map_file = "tablespace_map";
constexpr const char* held_map_file = ".wal-e-tablespace_map";

// Blocks of one partition's pipeline, by use; more would only leave the cache.
constexpr std::size_t reading_blocks = 3;
constexpr std::size_t input_blocks = reading_blocks + archive::gpg_blocks;
constexpr std::size_t least_outputs = 4;
constexpr std::size_t most_outputs = 8;

struct found_backup {
  catalog::backup_name name;
  catalog::sentinel sentinel;
  std::vector<store::object_key> partitions; ///< in order of their numbers
  std::uint64_t stored_bytes = 0;            ///< of all of them
};

failure not_whole(const catalog::backup_name& name, std::string detail) {
  return failure(
      kind::corrupt,
      "the backup is not whole",
      name.text() + ": " + std::move(detail),
      "Restore another backup; backup-list shows them.");
}

// The numbers must be 0..n-1. Ours says n; of WAL-E's only gaps can be seen.
std::vector<store::object_key> choose_partitions(
    const catalog::backup_name& name,
    const catalog::sentinel& sentinel,
    const std::vector<store::object_info>& objects) {
  std::map<std::uint32_t, store::object_key> numbered;
  for (const store::object_info& o : objects) {
    const auto number = catalog::partition_number(name, o.key);
    const bool is_exact = number && o.key == catalog::partition_key(name, *number);
    const bool is_expected =
        sentinel.partitions ? is_exact && *number < *sentinel.partitions : number.has_value();
    if (is_expected && (is_exact || !numbered.contains(*number)))
      numbered.insert_or_assign(*number, o.key);
    else
      log::warning(
          logger,
          {"unexpected key found in tar volume directory",
           "The unexpected key is " + o.key.name + "."});
  }
  const std::size_t expected = sentinel.partitions.value_or(
      numbered.empty() ? 1 : numbered.rbegin()->first + std::size_t{1});
  std::vector<store::object_key> keys;
  for (std::uint32_t i = 0; i < expected; ++i) {
    const auto found = numbered.find(i);
    if (found == numbered.end())
      throw not_whole(name, catalog::partition_key(name, i).name + " is missing.");
    keys.push_back(found->second);
  }
  return keys;
}

std::uint64_t size_of(
    const std::vector<store::object_key>& keys, const std::vector<store::object_info>& objects) {
  const std::set<store::object_key> chosen(keys.begin(), keys.end());
  std::uint64_t sum = 0;
  for (const store::object_info& o : objects)
    if (chosen.contains(o.key)) sum += o.size;
  return sum;
}

task<found_backup> find_backup(context c, std::string query) {
  const std::vector<catalog::backup> backups =
      co_await catalog::find_backups(c.rt, c.archive, query);
  if (backups.empty())
    throw failure(
        kind::unavailable,
        "no backups found for fetching",
        "No backup matching the query " + query + " was able to be located.",
        "See wal-e backup-list.");
  const catalog::backup_name name = backups.front().name;
  catalog::sentinel sentinel = co_await catalog::load_sentinel(c.rt, c.archive, name);
  const std::string prefix = catalog::partitions_prefix(name);
  const std::vector<store::object_info> objects = co_await c.archive.list(prefix);
  std::vector<store::object_key> keys = choose_partitions(name, sentinel, objects);
  const std::uint64_t stored_bytes = size_of(keys, objects);
  found_backup found{name, std::move(sentinel), std::move(keys), stored_bytes};
  co_return found;
}

// What the partitions of one restore share; outlives their tasks.
struct restoring {
  context c;
  const found_backup& backup;
  archive::extract_options options;
  std::size_t outputs_each;
  progress_meter meter;
  archive::restored_names names = {};
  archive::directory_turns turns = {};
  std::size_t next = 0;
  std::uint64_t file_bytes = 0;
  std::map<std::string, std::size_t> held = {};
  std::vector<archive::late_link> late_links = {};
};

struct extracting {
  restoring& r;
  archive::extract_options options;

  task<> operator()(io::source& plain) {
    archive::extract_options o = options;
    const archive::extract_summary s =
        co_await archive::extract(r.c.rt, plain, std::move(o), r.names, r.turns);
    r.file_bytes += s.file_bytes;
    for (const auto& [name, times] : s.held)
      r.held[name] += times;
    r.late_links.insert(r.late_links.end(), s.late_links.begin(), s.late_links.end());
  }
};

failure damaged_partition(const std::string& url, const failure& f) {
  if (f.why() != kind::corrupt) return f;
  return f.with_msg("a partition of the backup is damaged")
      .with_detail(url + ": " + (f.text().detail.empty() ? f.text().msg : f.text().detail))
      .with_hint("Restore another backup, or this object from a copy of the archive.");
}

task<> restore_partition(restoring& r, store::object_key key) {
  const std::string url = r.c.archive.url(key);
  const std::string name = key.name.substr(key.name.rfind('/') + 1);
  log::info(
      worker_logger(r.c.archive.kind_name()),
      {"beginning partition download",
       "The partition being downloaded is " + name + ".",
       absolute_key(r.c.archive.kind_name(), r.c.archive.prefix() + key.name)});

  io::block_budget outputs = co_await r.c.rt.blocks().reserve(r.outputs_each + input_blocks);
  io::block_budget reading = outputs.split(reading_blocks);
  io::block_budget decrypting = outputs.split(archive::gpg_blocks);
  std::unique_ptr<io::source> object = co_await r.c.archive.get(key, std::move(reading));
  if (!object) throw not_whole(r.backup.name, url + " vanished.");
  std::unique_ptr<io::source> counted = metered(std::move(object), r.meter);
  auto compressed = std::make_unique<archive::gpg_decryptor>(
      r.c.rt, std::move(counted), std::move(decrypting), url);
  archive::lzop_decompressor plain(r.c.rt, std::move(compressed), std::move(outputs));
  extracting extract{r, r.options};
  std::exception_ptr error;
  try {
    co_await io::with_source(plain, extract);
  } catch (const failure& f) {
    error = std::make_exception_ptr(damaged_partition(url, f));
  }
  if (error) std::rethrow_exception(error);
}

task<> work(restoring& r) {
  while (r.next < r.backup.partitions.size()) {
    store::object_key key = r.backup.partitions[r.next++];
    co_await restore_partition(r, std::move(key));
  }
}

task<> fetch_partitions(restoring& r, std::size_t at_once) {
  io::task_group workers(r.c.rt.context().get_executor());
  for (std::size_t i = 0; i < at_once; ++i)
    workers.spawn(work(r));
  co_await workers.join();
}

void require_whole(const restoring& r) {
  const auto controls = r.held.find(control_file);
  const std::size_t times = controls == r.held.end() ? 0 : controls->second;
  if (times != 1)
    throw not_whole(
        r.backup.name, "global/pg_control is in it " + std::to_string(times) + " times.");
  const auto expected = r.backup.sentinel.expanded_size_bytes;
  // Our own partitions leave files out that vanished; their number is proof enough.
  if (!r.backup.sentinel.partitions && expected && *expected != r.file_bytes)
    throw not_whole(
        r.backup.name,
        "its files have " + std::to_string(r.file_bytes) + " bytes, the sentinel says " +
            std::to_string(*expected) +
            ". WAL-E counts a file that the server removed while it was being read: if that may be "
            "the reason, WAL-E itself restores this backup.");
}

// The file systems that the restore writes to, opened before its first byte so that syncfs reports
// every error since.
class written_filesystems {
public:
  explicit written_filesystems(const restore_target& t) {
    open(t.directory);
    for (const std::string& link : t.wal_links)
      open(t.directory + "/" + link);
    for (const placed_tablespace& p : t.tablespaces.placed)
      open(p.location);
  }
  ~written_filesystems() {
    for (int fd : descriptors_)
      ::close(fd);
  }
  written_filesystems(const written_filesystems&) = delete;
  written_filesystems& operator=(const written_filesystems&) = delete;

  bool can_sync() const {
    return std::ranges::all_of(descriptors_, [](int fd) { return fs::can_sync_filesystem(fd); });
  }
  void sync() const {
    for (int fd : descriptors_)
      fs::sync_filesystem(fd);
  }

private:
  void open(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) throw failure::system(errno, "open \"" + directory + "\"");
    descriptors_.push_back(fd);
  }

  std::vector<int> descriptors_;
};

archive::extract_options options_for(const restore_target& t, bool sync) {
  archive::extract_options o;
  o.target = t.directory;
  for (const placed_tablespace& p : t.tablespaces.placed)
    o.followed.push_back(p.link);
  o.followed.insert(o.followed.end(), t.wal_links.begin(), t.wal_links.end());
  o.held = {{control_file, held_control_file}, {map_file, held_map_file}};
  o.kept = t.kept_files;
  o.links_as_directories = {"pg_wal", "pg_xlog"};
  o.sync = sync;
  return o;
}

// PostgreSQL reads the map only beside a backup_label, which offline backups have not.
void write_map(const restore_target& t, bool has_label) {
  fs::unlink(t.directory + "/" + held_map_file);
  const std::string text = tablespace_map(t.tablespaces);
  if (has_label && !text.empty()) write_durably(t.directory, map_file, text);
}

void publish_control_file(const restore_target& t) {
  fs::rename(t.directory + "/" + held_control_file, t.directory + "/" + control_file);
  fs::sync_directory(t.directory + "/global");
  finish_target(t);
}

task<> restore(context c, const found_backup& backup, const restore_target& target) {
  const written_filesystems filesystems(target);
  const bool can_sync = filesystems.can_sync();
  const std::size_t pool = c.rt.blocks().size() - 1;
  const std::size_t at_once = std::min<std::size_t>(
      {c.line.number("pool-size", 1),
       backup.partitions.size(),
       pool / (least_outputs + input_blocks)});
  progress_meter meter(std::chrono::steady_clock::now());
  meter.expect(backup.stored_bytes);
  restoring r{c, backup, options_for(target, !can_sync), 0, std::move(meter)};
  r.outputs_each = std::clamp(pool / at_once - input_blocks, least_outputs, most_outputs);
  r.options.blocks_in_flight = r.outputs_each - 2;

  task<> work = fetch_partitions(r, at_once);
  progress_style style = progress_style_here("backup-fetch");
  co_await with_progress(c.rt, r.meter, std::move(style), std::move(work));

  require_whole(r);
  auto finish = [&] {
    archive::make_late_links(r.options, r.names, r.late_links);
    write_map(target, r.names.contains("backup_label"));
    own_as_directory(target.directory, target.tablespaces);
    if (can_sync) filesystems.sync();
    publish_control_file(target);
    log::info(logger, restore_report(target));
  };
  co_await c.rt.offload(finish);
}

// A target that cannot be tidied keeps its mark; the failure that led here is what gets reported.
void undo(const restore_target& target) {
  try {
    undo_target(target);
  } catch (const failure& f) {
    log::warning(
        logger,
        {"the unfinished restore could not be removed",
         f.text().detail,
         "The next restore into " + target.directory + " removes it."});
  }
}

// What a failed restore leaves is worth nothing. After a signal there is no time to remove it: the
// next restore does, by the mark.
task<> restore_or_undo(context c, const found_backup& backup, const restore_target& target) {
  std::optional<failure> failed;
  bool is_ours = !target.overwrite; // what --overwrite removes is not ours before that has begun
  try {
    auto prepare = [&] { prepare_target(target); };
    co_await c.rt.offload(prepare);
    is_ours = true;
    co_await restore(c, backup, target);
  } catch (const failure& f) {
    failed = f;
  }
  if (!failed) co_return;
  if (is_ours && failed->why() != kind::interrupted) {
    auto clean_up = [&] { undo(target); };
    co_await c.rt.offload(clean_up);
  }
  throw *failed;
}

} // namespace

task<int> backup_fetch(context c) {
  c.line.number("pool-size", 1);
  const std::string directory = c.line.operands.at(0);
  if (directory.empty())
    throw failure(
        kind::usage,
        "the command line was not understood",
        "PG_CLUSTER_DIRECTORY is an empty name",
        "Is the variable that should hold it unset?");
  require_not_live(directory);
  std::string query = c.line.operands.at(1);
  const found_backup backup = co_await find_backup(c, std::move(query));
  auto examine = [&] { return requested_target(c.line, backup.sentinel); };
  const restore_target target = co_await c.rt.offload(examine);
  co_await restore_or_undo(c, backup, target);
  co_return 0;
}

} // namespace wale::command
