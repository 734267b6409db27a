// Three parties share a packer's state, all on the I/O thread: `open_ahead` opens the next files on
// the CPU pool, `lay_out` writes headers into blocks and starts the reads of bodies, next() hands
// out the blocks in order as soon as their reads have ended.
#include "filling.hpp"
#include "opened_files.hpp"
#include "owner_names.hpp"

#include <wale/archive/pack.hpp>
#include <wale/archive/tar.hpp>
#include <wale/base/error.hpp>
#include <wale/io/channel.hpp>
#include <wale/io/task_group.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <span>
#include <string_view>
#include <utility>

namespace wale::archive {
namespace {

/// No more files are opened while this many are in use: several packers run at once, and 1,024
/// descriptors is the usual limit of a process.
constexpr std::size_t open_enough = 96;

using file_identity = std::pair<std::uint64_t, std::uint64_t>;

/// An entry with what the opening job found.
struct candidate {
  std::shared_ptr<opened_file> file; ///< none for what has no bytes
  bool vanished = false;
  std::uint64_t size = 0;
  file_identity identity;
};

} // namespace

struct partition_packer::state {
  state(io::runtime& r, io::block_budget b, pack_plan p)
      : rt(r), budget(std::move(b)), plan(std::move(p)), group(r.context().get_executor()) {}

  void begin();
  task<> open_ahead();
  task<> run(task<> part);
  task<> lay_out();
  task<> lay_out_entry(const tree_entry& entry, candidate from);
  task<> lay_out_memory(const memory_member& m);
  task<> write(std::string_view bytes);
  task<> write_zeros(std::size_t n);
  task<> need_room();
  task<std::size_t> pass_gate(std::uint64_t left);
  task<> wait_for_reads();

  bool front_is_ready() const noexcept;
  void name_owner(tar_member& m) const;
  void look_up_owners();

  io::runtime& rt;
  io::block_budget budget;
  pack_plan plan;
  pack_summary summary;

  open_count files; // before everything that holds opened files
  io::channel<std::vector<candidate>> opened{1};
  std::map<file_identity, std::string> several_names;
  std::map<std::uint64_t, std::string> users;
  std::map<std::uint64_t, std::string> groups;

  std::deque<std::unique_ptr<filling>> blocks; // oldest first
  filling* current = nullptr;                  // the last of them, while it has room
  std::uint64_t position = 0;

  io::task_group group;
  io::event changed; // reads of a block ended, the layout ended, or something failed
  std::exception_ptr error;
  bool begun = false;
  bool finished = false;
};

void partition_packer::state::begin() {
  begun = true;
  group.spawn(run(open_ahead()));
  group.spawn(run(lay_out()));
}

/// Descriptors of a batch are owned by its results from the first moment, so that no cancellation
/// can lose them.
task<> partition_packer::state::open_ahead() {
  const std::span<const tree_entry> entries = plan.entries;
  for (std::size_t at = 0; at < entries.size();) {
    while (files.in_use() >= open_enough)
      co_await files.freed().wait();
    const auto part = entries.subspan(at, open_batch_length(entries.subspan(at)));
    std::vector<io::unique_fd> unused = files.take_unused();
    auto job = [part, &unused] {
      unused.clear();
      return open_entries(part);
    };
    auto results = co_await rt.offload(job);
    std::vector<candidate> batch;
    batch.reserve(results.size());
    for (open_result& r : results) {
      candidate c;
      if (r.fd) c.file = std::make_shared<opened_file>(std::move(r.fd), files);
      c.vanished = r.vanished;
      c.size = r.size;
      c.identity = {r.device, r.inode};
      batch.push_back(std::move(c));
    }
    at += part.size();
    co_await opened.push(std::move(batch));
  }
}

/// Keeps the first failure for next(), and ends the sibling by closing the channel between them.
task<> partition_packer::state::run(task<> part) {
  try {
    co_await std::move(part);
  } catch (...) {
    if (!error) error = std::current_exception();
  }
  opened.close();
  changed.notify_all();
}

task<> partition_packer::state::lay_out() {
  auto names = [this] { look_up_owners(); };
  co_await rt.offload(names);
  for (std::size_t at = 0; at < plan.entries.size();) {
    auto batch = co_await opened.pop();
    if (!batch) io::throw_closed();
    for (candidate& c : *batch) {
      co_await lay_out_entry(plan.entries[at], std::move(c));
      ++at;
    }
  }
  for (const memory_member& m : plan.tail)
    co_await lay_out_memory(m);
  co_await write_zeros(tar_end_size(position));
  current = nullptr;
  finished = true;
}

task<> partition_packer::state::lay_out_entry(const tree_entry& entry, candidate from) {
  if (from.vanished) {
    summary.vanished.push_back(entry.name);
    co_return;
  }
  tar_member m = member_of(entry);
  if (from.file && entry.is_sized_when_opened) m.size = from.size;
  name_owner(m);
  if (from.file && entry.links > 1) {
    // Whether this is a second name of a file already packed is decided by what was opened: since
    // the scan the name may have been given to another file.
    const auto [known, first] = several_names.try_emplace(from.identity, entry.name);
    if (!first) {
      m.type = tar_member::kind::hard_link;
      m.link_target = known->second;
      m.size = 0;
    }
  }
  std::string header;
  append_tar_header(header, m);
  co_await write(header);
  for (std::uint64_t done = 0; done < m.size;) {
    if (!current) co_await need_room();
    const std::size_t allowed = co_await pass_gate(m.size - done);
    const std::size_t n = current->read(from.file, entry.path, done, allowed);
    done += n;
    position += n;
    if (!current->has_room()) current = nullptr;
  }
  co_await write_zeros(tar_padding(m.size));
  ++summary.members;
  summary.file_bytes += m.size;
}

task<> partition_packer::state::lay_out_memory(const memory_member& memory) {
  tar_member m;
  m.name = memory.name;
  m.size = memory.bytes.size();
  m.mode = memory.mode;
  m.uid = memory.uid;
  m.gid = memory.gid;
  m.mtime_ns = memory.mtime_ns;
  name_owner(m);
  std::string header;
  append_tar_header(header, m);
  co_await write(header);
  co_await write(memory.bytes);
  co_await write_zeros(tar_padding(m.size));
  ++summary.members;
  summary.file_bytes += m.size;
}

task<> partition_packer::state::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!current) co_await need_room();
    const std::size_t n = current->write(bytes);
    bytes.remove_prefix(n);
    position += n;
    if (!current->has_room()) current = nullptr;
  }
}

task<> partition_packer::state::write_zeros(std::size_t left) {
  while (left > 0) {
    if (!current) co_await need_room();
    const std::size_t n = current->write_zeros(left);
    left -= n;
    position += n;
    if (!current->has_room()) current = nullptr;
  }
}

/// How many of the bytes that are left of a file may be read into the current block.
task<std::size_t> partition_packer::state::pass_gate(std::uint64_t left) {
  const std::size_t wanted = std::min<std::uint64_t>(current->room(), left);
  if (!plan.gate) co_return wanted;
  co_return co_await plan.gate(wanted);
}

/// The block before this one is complete now; next() learns of it before we may have to wait.
task<> partition_packer::state::need_room() {
  changed.notify_all();
  io::block fresh = co_await budget.acquire();
  blocks.push_back(std::make_unique<filling>(rt, std::move(fresh), changed));
  current = blocks.back().get();
}

bool partition_packer::state::front_is_ready() const noexcept {
  return !blocks.empty() && blocks.front().get() != current &&
         blocks.front()->reads_in_flight() == 0;
}

void partition_packer::state::name_owner(tar_member& m) const {
  m.user = users.at(m.uid);
  m.group = groups.at(m.gid);
}

void partition_packer::state::look_up_owners() {
  const auto add = [this](std::uint32_t uid, std::uint32_t gid) {
    if (!users.contains(uid)) users.emplace(uid, user_name(uid));
    if (!groups.contains(gid)) groups.emplace(gid, group_name(gid));
  };
  for (const tree_entry& e : plan.entries)
    add(e.uid, e.gid);
  for (const memory_member& m : plan.tail)
    add(m.uid, m.gid);
}

task<> partition_packer::state::wait_for_reads() {
  for (bool waiting = true; waiting;) {
    waiting = false;
    for (const auto& block : blocks) {
      if (block->reads_in_flight() == 0) continue;
      block->cancel_reads();
      waiting = true;
    }
    // An interruption of the wait changes nothing: the kernel still writes into the blocks.
    try {
      if (waiting) co_await changed.wait();
    } catch (const failure&) {
    }
  }
}

partition_packer::partition_packer(io::runtime& rt, io::block_budget budget, pack_plan plan)
    : state_(std::make_unique<state>(rt, std::move(budget), std::move(plan))) {}

partition_packer::~partition_packer() = default;

task<io::block> partition_packer::next() {
  state& s = *state_;
  if (!s.begun) s.begin();
  while (!s.error && !s.front_is_ready() && !(s.finished && s.blocks.empty()))
    co_await s.changed.wait();
  if (s.error) std::rethrow_exception(s.error);
  if (s.blocks.empty()) co_return io::block{};
  const std::unique_ptr<filling> full = std::move(s.blocks.front());
  s.blocks.pop_front();
  co_return co_await full->finish(s.summary.padded);
}

task<> partition_packer::close() {
  state& s = *state_;
  s.group.cancel();
  try {
    co_await s.group.join();
  } catch (...) {
    // Whoever called next() has had the failure; nobody else needs it.
  }
  co_await s.wait_for_reads();
  s.blocks.clear();
  while (s.opened.try_pop()) {
  }
}

const pack_summary& partition_packer::summary() const noexcept {
  return state_->summary;
}

} // namespace wale::archive
