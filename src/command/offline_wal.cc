// A segment of pg_wal counts if its header says that it is this very one: PostgreSQL renames old
// ones ahead of their use.
#include "offline_wal.hpp"

#include "archived_wal.hpp"

#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/unique_fd.hpp>

#include <array>
#include <fcntl.h>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

constexpr std::string_view logger = "wal_e.operator.backup";

std::optional<pg::segment_header> header_of(const std::string& path) {
  std::array<std::byte, pg::segment_header::length> bytes;
  const io::unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  const ssize_t n = ::pread(fd.get(), bytes.data(), bytes.size(), 0);
  if (n != static_cast<ssize_t>(bytes.size())) return std::nullopt;
  return pg::read_segment_header(bytes);
}

class collecting {
public:
  collecting(context c, const pg::cluster_directory& cluster, const pg::control_data& control)
      : c_(c), control_(control), name_(pg::wal_directory_name(cluster)),
        directory_(cluster.path + "/" + name_), archived_(c, wal_of_cluster()) {}

  task<std::vector<tree_entry>> run(const pg::shutdown_wal& wal) {
    pg::wal_segment s = wal.first;
    while (true) {
      co_await take(s, true);
      if (s >= wal.last) break;
      s = s.next(control_.wal_segment_size);
    }
    if (wal.perhaps) co_await take(*wal.perhaps, false);
    if (control_.tli.value > 1) co_await archived_.bring_history(control_.tli);
    co_return std::move(carried_);
  }

private:
  cluster_wal wal_of_cluster() const {
    cluster_wal wal{directory_, control_.wal_segment_size, control_.system_identifier};
    wal.on_standby = control_.state == pg::cluster_state::shut_down_in_recovery;
    return wal;
  }

  task<> take(pg::wal_segment segment, bool is_needed) {
    const bool archived = co_await is_archived(segment);
    if (archived) co_return;
    auto find = [&] { return find_own(segment); };
    std::optional<tree_entry> own = co_await c_.rt.offload(find);
    if (own) {
      carried_.push_back(std::move(*own));
      co_return;
    }
    if (is_needed) throw missing(segment.name());
  }

  // A store without any WAL may not have its directory yet; to carry it is right in any case.
  task<bool> is_archived(pg::wal_segment segment) {
    try {
      const bool holds = co_await archived_.holds(segment);
      co_return holds;
    } catch (const failure& f) {
      if (f.why() != kind::unavailable) throw;
      log::info(
          logger,
          {"could not look for WAL in the archive, so it goes into the backup",
           f.text().msg + ": " + f.text().detail});
    }
    co_return false;
  }

  std::optional<tree_entry> find_own(pg::wal_segment segment) const {
    const std::string path = directory_ + "/" + segment.name();
    const auto about = fs::status(path);
    const auto header = header_of(path);
    const pg::segment_size size = control_.wal_segment_size;
    const bool is_it = about && header &&
                       static_cast<std::uint64_t>(about->st_size) == size.bytes() &&
                       header->system_identifier == control_.system_identifier &&
                       header->page_address == segment.start(size);
    if (!is_it) return std::nullopt;
    tree_entry e;
    e.name = name_ + "/" + segment.name();
    e.path = path;
    e.size = size.bytes();
    e.mode = about->st_mode & 07777;
    e.uid = about->st_uid;
    e.gid = about->st_gid;
    e.mtime_ns = std::int64_t{about->st_mtim.tv_sec} * 1'000'000'000 + about->st_mtim.tv_nsec;
    e.device = about->st_dev;
    e.inode = about->st_ino;
    return e;
  }

  failure missing(const std::string& name) const {
    return failure(
        kind::unavailable,
        "the WAL that the backup needs is not there",
        name + " is neither in the archive nor in \"" + directory_ + "\".",
        "Start the server and shut it down again, or push the file with wal-push.");
  }

  context c_;
  const pg::control_data& control_;
  std::string name_;
  std::string directory_;
  archived_wal archived_;
  std::vector<tree_entry> carried_;
};

} // namespace

task<std::vector<tree_entry>> wal_to_carry(
    context c,
    const pg::cluster_directory& cluster,
    const pg::control_data& control,
    const pg::shutdown_wal& wal) {
  collecting all(c, cluster, control);
  std::vector<tree_entry> carried = co_await all.run(wal);
  co_return carried;
}

} // namespace wale::command
