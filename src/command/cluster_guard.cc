// The memory is one line: the archive's URL, a blank, the system identifier.
#include "cluster_guard.hpp"

#include <wale/base/error.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/fs.hpp>

#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace wale::command {
namespace {

namespace fs = io::fs;

class memory {
public:
  memory(const std::string& segment, const std::string& archive_url) : archive_url_(archive_url) {
    const std::size_t slash = segment.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : segment.substr(0, slash);
    if (fs::is_directory(directory + "/archive_status")) directory_ = directory + "/.wal-e";
  }

  bool knows(std::uint64_t system_identifier) const {
    if (directory_.empty()) return false;
    try {
      return fs::read_small(directory_ + "/cluster") == line(system_identifier);
    } catch (const failure&) { // no memory is as good as an empty one
      return false;
    }
  }

  void remember(std::uint64_t system_identifier) const {
    if (directory_.empty()) return;
    try {
      fs::make_directory(directory_, 0700);
    } catch (const failure&) { // an unwritable directory only means asking again next time
      return;
    }
    const std::string temporary = directory_ + "/.wal-e-" + std::to_string(::getpid());
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    const std::string text = line(system_identifier);
    const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(fd);
    if (!written || ::rename(temporary.c_str(), (directory_ + "/cluster").c_str()) != 0)
      ::unlink(temporary.c_str());
  }

private:
  std::string line(std::uint64_t system_identifier) const {
    return archive_url_ + " " + std::to_string(system_identifier) + "\n";
  }

  std::string archive_url_;
  std::string directory_; ///< empty: not a pg_wal
};

} // namespace

task<> require_cluster_of_archive(io::runtime& rt, store::store& archive, archivable file) {
  if (!file.header) co_return;
  const std::uint64_t mine = file.header->system_identifier;
  store::object_key top;
  const memory remembered(file.path, archive.url(top));
  if (remembered.knows(mine)) co_return;

  std::vector<catalog::backup> backups;
  try {
    backups = co_await catalog::list_backups(archive);
  } catch (const failure& f) {
    // The first push of all makes the prefix; whether the store works is for the push to find out.
    if (f.why() == kind::interrupted) throw;
  }
  const auto newest = co_await catalog::latest_backup(rt, archive, std::move(backups));
  if (!newest) co_return;
  const auto metadata = co_await catalog::load_metadata(rt, archive, newest->name);
  if (!metadata || metadata->system_identifier == 0) co_return;
  if (metadata->system_identifier != mine)
    throw failure(
        kind::refused,
        "another cluster archives under this prefix",
        file.name.text + " is of the cluster with system identifier " + std::to_string(mine) +
            ", the newest backup " + newest->name.text() + " of " +
            std::to_string(metadata->system_identifier) + ".",
        "Give each cluster a prefix of its own, also after initdb or pg_upgrade.");
  remembered.remember(mine);
}

} // namespace wale::command
