// One coroutine parses blocks in order and deals out the work; children do it, several at once.
//
// - Directories, and files whose bodies lie within one block, are collected per block and made in
//   one job on the CPU pool: open, write and close cost less there than a trip to the engine each.
// - Bodies of other files are written by the engine straight from the blocks they came in.
// - Links and fifos, and names that occur twice, wait until all before them is done: their meaning
//   depends on the order. A hard link to what another extraction writes is left to the caller.
// A block is held by the children that write from it, and the number of held blocks is bounded.
#include "member_name.hpp"
#include "target_tree.hpp"
#include "under_way.hpp"

#include <wale/archive/extract.hpp>
#include <wale/archive/tar.hpp>
#include <wale/base/error.hpp>
#include <wale/io/task_group.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace wale::archive {
namespace {

/// Names per job of fsyncs; all of them are open at once.
constexpr std::size_t sync_batch = 128;

/// A directory, or a file whose body is in memory.
struct small_member {
  bool is_directory = false;
  std::string name;
  attributes about;
  std::uint64_t size = 0;
  std::span<const std::byte> body;
};

struct large_file {
  std::string name;
  attributes about;
  io::unique_fd fd;
  std::uint64_t written = 0; ///< up to here writes were started
  std::size_t writes = 0;    ///< in flight
  bool whole = false;        ///< the last write was started
};

class extraction {
public:
  extraction(
      io::runtime& rt,
      io::source& plain,
      extract_options options,
      restored_names& names,
      directory_turns& turns)
      : rt_(rt), plain_(plain), options_(std::move(options)), names_(names), turns_(turns),
        run_(names.begin_run()) {}

  task<> run(io::task_group& group);
  extract_summary take_summary() { return std::move(summary_); }

private:
  task<> take_block(io::block bytes);
  task<> begin_member(std::size_t available);
  task<> look_for_kept(const std::string& name);
  task<> begin_file(std::string name, std::size_t available);
  task<> make_special(std::string name);
  void take_body(const held& block);
  void deal_out(const held& block);
  task<> drain();
  task<> finish_directories();

  task<> write_batch(std::vector<small_member> batch, held block, mark child);
  task<> write_large(
      std::shared_ptr<large_file> file,
      std::uint64_t offset,
      std::span<const std::byte> bytes,
      held block,
      mark child);
  task<> sync_names(std::vector<std::string> names, mark child);

  mark child() { return mark(progress_, &progress::children); }
  void add_directory(std::string name, attributes about);
  void is_written(const std::string& name);
  void start_sync();
  static void make_small(const target_tree& tree, const std::vector<small_member>& batch);

  io::runtime& rt_;
  io::source& plain_;
  extract_options options_;
  restored_names& names_;
  directory_turns& turns_;
  unsigned run_;
  io::task_group* group_ = nullptr;
  std::unique_ptr<target_tree> tree_;
  extract_summary summary_;

  tar_reader reader_;
  std::shared_ptr<progress> progress_ = std::make_shared<progress>();
  held block_;                        ///< the one being parsed
  std::vector<small_member> batch_;   ///< of this block, not yet dealt out
  std::shared_ptr<large_file> large_; ///< whose body is coming
  bool skipping_ = false;             ///< the body that is coming is not wanted
  std::vector<std::pair<std::string, attributes>> directories_;
  std::vector<std::string> unsynced_;
  std::set<std::string, std::less<>> changed_directories_;
};

task<> extraction::run(io::task_group& group) {
  group_ = &group;
  auto open_tree = [this] {
    tree_ = std::make_unique<target_tree>(options_.target, options_.followed);
  };
  co_await rt_.offload(open_tree);
  const std::size_t limit = std::max<std::size_t>(options_.blocks_in_flight, 1);
  for (;;) {
    while (progress_->blocks >= limit)
      co_await progress_->changed.wait();
    io::block bytes = co_await plain_.next();
    if (!bytes) break;
    co_await take_block(std::move(bytes));
  }
  reader_.finish();
  co_await drain();
  co_await finish_directories();
}

task<> extraction::take_block(io::block bytes) {
  block_ = std::make_shared<held_block>(std::move(bytes), mark(progress_, &progress::blocks));
  std::span<const std::byte> input = block_->bytes.bytes();
  for (bool more = true; more;) {
    switch (reader_.next(input)) {
    case tar_reader::event::member:
      co_await begin_member(input.size());
      break;
    case tar_reader::event::body:
      take_body(block_);
      break;
    case tar_reader::event::need_more:
    case tar_reader::event::end:
      more = false;
    }
  }
  deal_out(block_);
  block_.reset();
}

task<> extraction::begin_member(std::size_t available) {
  const tar_member& m = reader_.member();
  std::string name = clean_name(m.name);
  const bool is_directory = m.type == tar_member::kind::directory;
  if (name.empty() && !is_directory)
    throw failure(
        kind::refused,
        "a member of the archive has no name",
        "\"" + m.name + "\" stands for the target directory, and is none.");
  ++summary_.members;
  skipping_ = false;
  if (m.type == tar_member::kind::file) {
    ++summary_.files;
    summary_.file_bytes += m.size;
  }
  if (!is_directory) co_await look_for_kept(name);
  if (skipping_) co_return;
  const bool twice = !names_.insert(name, run_);
  if (twice) co_await drain();
  if (is_directory) {
    add_directory(std::move(name), attributes_of(m));
  } else if (m.type == tar_member::kind::file) {
    co_await begin_file(std::move(name), available);
  } else {
    co_await drain();
    co_await make_special(std::move(name));
  }
}

/// What an earlier attempt of this restore left is not what the caller wants to keep.
task<> extraction::look_for_kept(const std::string& name) {
  if (!options_.kept.contains(name) || names_.contains(name)) co_return;
  auto look = [this, &name] {
    target_tree::last_directory cache;
    return tree_->exists(cache, name);
  };
  skipping_ = co_await rt_.offload(look);
  if (skipping_) summary_.kept.push_back(name);
}

task<> extraction::begin_file(std::string name, std::size_t available) {
  const tar_member& m = reader_.member();
  if (const auto substitute = options_.held.find(name); substitute != options_.held.end()) {
    ++summary_.held[name];
    name = substitute->second;
  }
  if (m.size <= available) {
    small_member s;
    s.name = std::move(name);
    s.about = attributes_of(m);
    s.size = m.size;
    batch_.push_back(std::move(s));
    co_return;
  }
  large_ = std::make_shared<large_file>();
  large_->name = std::move(name);
  large_->about = attributes_of(m);
  auto create = [this, size = m.size] {
    target_tree::last_directory cache;
    large_->fd = tree_->create_file(cache, large_->name, large_->about.mode, size);
  };
  co_await rt_.offload_in_order(turns_.of(parent_of(large_->name)), create);
}

/// Links and fifos, one at a time.
task<> extraction::make_special(std::string name) {
  const tar_member& m = reader_.member();
  if (m.type == tar_member::kind::symlink && options_.links_as_directories.contains(name)) {
    attributes about = attributes_of(m);
    about.mode = 0700;
    add_directory(std::move(name), std::move(about));
    co_return;
  }
  std::string to;
  if (m.type == tar_member::kind::hard_link) {
    to = clean_name(m.link_target);
    // What another extraction writes may not be there yet.
    if (!names_.is_of(to, run_)) {
      summary_.late_links.push_back({std::move(name), std::move(to)});
      co_return;
    }
    const auto substitute = options_.held.find(to);
    if (substitute != options_.held.end()) to = substitute->second;
  }
  if (m.type == tar_member::kind::device)
    throw failure(
        kind::refused,
        "the archive holds a device node",
        "\"" + name + "\" is one; no PostgreSQL cluster has any.",
        "wal-e and WAL-E write no such members: do not trust this archive.");
  auto make = [this, &m, &name, &to] {
    if (m.type == tar_member::kind::symlink)
      tree_->make_symlink(name, m.link_target, attributes_of(m));
    if (m.type == tar_member::kind::hard_link) tree_->make_hard_link(name, to);
    if (m.type == tar_member::kind::fifo) tree_->make_fifo(name, attributes_of(m));
  };
  co_await rt_.offload(make);
  if (options_.sync) changed_directories_.emplace(parent_of(name));
}

void extraction::take_body(const held& block) {
  const std::span<const std::byte> bytes = reader_.body();
  if (skipping_) return;
  if (!large_) {
    batch_.back().body = bytes;
    return;
  }
  ++large_->writes;
  large_->whole = reader_.body_left() == 0;
  group_->spawn(write_large(large_, large_->written, bytes, block, child()));
  large_->written += bytes.size();
  if (large_->whole) large_.reset();
}

void extraction::add_directory(std::string name, attributes about) {
  small_member s;
  s.is_directory = true;
  s.name = name;
  batch_.push_back(std::move(s));
  directories_.emplace_back(std::move(name), std::move(about));
}

void extraction::deal_out(const held& block) {
  if (batch_.empty()) return;
  group_->spawn(write_batch(std::exchange(batch_, {}), block, child()));
}

task<> extraction::drain() {
  deal_out(block_);
  while (progress_->children > 0)
    co_await progress_->changed.wait();
}

void extraction::make_small(const target_tree& tree, const std::vector<small_member>& batch) {
  target_tree::last_directory cache;
  for (const small_member& m : batch) {
    if (m.is_directory) {
      tree.make_directory(cache, m.name);
      continue;
    }
    io::unique_fd fd = tree.create_file(cache, m.name, m.about.mode, m.size);
    tree.write(fd.get(), m.name, m.body, 0);
    tree.finish_file(std::move(fd), m.name, m.about);
  }
}

task<> extraction::write_batch(std::vector<small_member> batch, held, mark) {
  auto job = [this, &batch] { make_small(*tree_, batch); };
  io::chain& turn = turns_.of(parent_of(batch.front().name)); // of nearly all of them
  co_await rt_.offload_in_order(turn, job);
  for (const small_member& m : batch)
    is_written(m.name);
}

task<> extraction::write_large(
    std::shared_ptr<large_file> file,
    std::uint64_t offset,
    std::span<const std::byte> bytes,
    held,
    mark) {
  io::operation op;
  op.kind = io::op_kind::write;
  op.fd = file->fd.get();
  while (!bytes.empty()) {
    op.data = const_cast<std::byte*>(bytes.data());
    op.length = bytes.size();
    op.offset = offset;
    const int n = co_await rt_.perform(op);
    if (n <= 0)
      throw failure::system(
          n < 0 ? -n : EIO,
          "write \"" + tree_->path_of(file->name) + '"',
          "the restored files cannot be written");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  if (--file->writes > 0 || !file->whole) co_return;
  auto finish = [this, &file] { tree_->finish_file(std::move(file->fd), file->name, file->about); };
  co_await rt_.offload(finish);
  is_written(file->name);
}

void extraction::is_written(const std::string& name) {
  if (!options_.sync) return;
  for (std::string_view up = name; !up.empty();) {
    up = parent_of(up);
    if (!changed_directories_.emplace(up).second) break;
  }
  unsynced_.push_back(name);
  if (unsynced_.size() >= sync_batch) start_sync();
}

void extraction::start_sync() {
  group_->spawn(sync_names(std::exchange(unsynced_, {}), child()));
}

task<> extraction::sync_names(std::vector<std::string> names, mark) {
  auto job = [this, &names] { tree_->sync(names); };
  co_await rt_.offload(job);
}

/// The innermost first: an outer one's mode may close the way.
task<> extraction::finish_directories() {
  auto finish = [this] {
    for (auto d = directories_.rbegin(); d != directories_.rend(); ++d)
      tree_->finish_directory(d->first, d->second);
  };
  co_await rt_.offload(finish);
  if (!options_.sync) co_return;
  for (const std::string& name : changed_directories_) {
    unsynced_.push_back(name);
    if (unsynced_.size() >= sync_batch) start_sync();
  }
  start_sync();
  co_await drain();
}

} // namespace

io::chain& directory_turns::of(std::string_view directory) noexcept {
  return orders_[std::hash<std::string_view>()(directory) % orders_.size()];
}

task<extract_summary> extract(
    io::runtime& rt,
    io::source& plain,
    extract_options options,
    restored_names& names,
    directory_turns& turns) {
  extraction all(rt, plain, std::move(options), names, turns);
  std::function<task<>(io::task_group&)> body = [&all](io::task_group& group) {
    return all.run(group);
  };
  co_await io::scope(body);
  co_return all.take_summary();
}

} // namespace wale::archive
