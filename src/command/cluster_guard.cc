// The memory is one line: the archive's URL, a blank, and the system identifier; or, where the
// newest backup does not tell one, the digest of the list of backups that this was found for, so
// that any later backup is looked at; or, where the list took too long, a word that counts for ten
// minutes.
#include "cluster_guard.hpp"

#include <wale/base/digest.hpp>
#include <wale/base/error.hpp>
#include <wale/base/log.hpp>
#include <wale/catalog/catalog.hpp>
#include <wale/io/deadline.hpp>
#include <wale/io/fs.hpp>
#include <wale/io/unique_fd.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace wale::command {
namespace {

namespace fs = io::fs;

// The list has every object of every backup: of a big archive it could take all the time that a
// push has, again and again, and no segment would ever be stored.
constexpr std::chrono::seconds patience_of_a_push{10};
constexpr std::chrono::minutes patience_of_a_backup{5};
// Nor is it to slow down every push: how long nobody tries again.
constexpr std::chrono::minutes between_slow_lists{10};
constexpr const char* too_slow = "unknown-for-now";

class memory {
public:
  memory(const std::string& segment, const std::string& archive_url) : archive_url_(archive_url) {
    const std::size_t slash = segment.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : segment.substr(0, slash);
    if (fs::is_directory(directory + "/archive_status")) directory_ = directory + "/.wal-e";
  }

  bool knows(const std::string& answer) const {
    if (directory_.empty()) return false;
    try {
      return fs::read_small(path()) == line(answer);
    } catch (const failure&) { // no memory is as good as an empty one
      return false;
    }
  }

  /// Within this time.
  bool knows(const std::string& answer, std::chrono::seconds age) const {
    if (!knows(answer)) return false;
    const auto about = fs::status(path());
    return about && std::abs(std::time(nullptr) - about->st_mtim.tv_sec) < age.count();
  }

  void remember(const std::string& answer) const {
    if (directory_.empty()) return;
    try {
      fs::make_directory(directory_, 0700);
    } catch (const failure&) { // an unwritable directory only means asking again next time
      return;
    }
    const std::string temporary = directory_ + "/.wal-e-" + std::to_string(::getpid());
    const io::unique_fd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd) return;
    const std::string text = line(answer);
    const bool written =
        ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!written || ::rename(temporary.c_str(), path().c_str()) != 0) ::unlink(temporary.c_str());
  }

private:
  // An archive_command may have several destinations.
  std::string path() const {
    sha256 digest;
    digest.update(std::as_bytes(std::span(archive_url_)));
    return directory_ + "/cluster-" + to_hex(digest.finish()).substr(0, 8);
  }
  std::string line(const std::string& answer) const { return archive_url_ + " " + answer + "\n"; }

  std::string archive_url_;
  std::string directory_; ///< empty: not a pg_wal
};

using backup_list = std::vector<catalog::backup>;

// Every backup that is made, replaced or removed changes it.
std::string unknown_for(const backup_list& backups) {
  sha256 digest;
  for (const catalog::backup& b : backups) {
    const std::string text = b.name.text() + " " + std::to_string(b.modified_ns) + "\n";
    digest.update(std::as_bytes(std::span(text)));
  }
  return "unknown-" + to_hex(digest.finish());
}

struct owner {
  catalog::backup_name backup;
  std::uint64_t system_identifier;
};

// The one that was finished last as far as the listing tells: any recent one would do, and reading
// the metadata of all of them would take longer than the push.
task<std::optional<owner>>
look_up_owner(store::store& archive, backup_list backups, io::block_budget reading) {
  const auto newest = std::ranges::max_element(backups, {}, &catalog::backup::modified_ns);
  if (newest == backups.end()) co_return std::nullopt;
  const auto metadata = co_await catalog::load_metadata(archive, newest->name, std::move(reading));
  if (!metadata || metadata->system_identifier == 0) co_return std::nullopt;
  co_return owner{newest->name, metadata->system_identifier};
}

// What is wrong with the store is for the push to find out, and one damaged object must not stop
// it.
void tell_unknown(const failure& f) {
  if (f.why() == kind::interrupted) throw f;
  log::warning(
      "wal_e.worker.upload",
      {"could not find out which cluster this archive is of",
       f.text().msg + (f.text().detail.empty() ? "" : ": " + f.text().detail),
       "This is normal before the first object is stored. Otherwise mend it: until then nothing "
       "keeps another cluster from archiving here."});
}

void require_same(const std::string& what, std::uint64_t mine, const owner& theirs) {
  if (theirs.system_identifier == mine) return;
  throw failure(
      kind::refused,
      "another cluster archives under this prefix",
      what + " is of the cluster with system identifier " + std::to_string(mine) +
          ", the newest backup " + theirs.backup.text() + " of " +
          std::to_string(theirs.system_identifier) + ".",
      "Give each cluster a prefix of its own, also after initdb or pg_upgrade.");
}

// Nothing, too, if the answer that it is unknown is remembered.
task<> look_for_owner(
    store::store& archive,
    io::block_budget reading,
    const memory* remembered,
    std::optional<owner>& found) {
  backup_list backups = co_await catalog::list_backups(archive);
  if (backups.empty()) co_return;
  const std::string unknown = unknown_for(backups);
  if (remembered && remembered->knows(unknown)) co_return;
  found = co_await look_up_owner(archive, std::move(backups), std::move(reading));
  if (!found && remembered) remembered->remember(unknown);
}

// nullopt, too, if it could not be found out in time.
task<std::optional<owner>> owner_of(
    io::runtime& rt,
    store::store& archive,
    io::block_budget reading,
    const memory* remembered,
    std::chrono::seconds patience) {
  std::optional<owner> found;
  const auto began = std::chrono::steady_clock::now();
  try {
    std::string doing = "Finding out which cluster the archive is of";
    task<> work = look_for_owner(archive, std::move(reading), remembered, found);
    co_await io::within(rt, patience, std::move(doing), std::move(work));
    co_return found;
  } catch (const failure& f) {
    tell_unknown(f);
    const bool was_slow = std::chrono::steady_clock::now() - began >= patience;
    if (remembered && was_slow) remembered->remember(too_slow);
  }
  co_return std::nullopt;
}

} // namespace

task<> require_cluster_of_archive(
    io::runtime& rt, store::store& archive, archivable file, io::block_budget reading) {
  if (!file.header) co_return;
  const std::uint64_t mine = file.header->system_identifier;
  store::object_key top;
  const memory remembered(file.path, archive.url(top));
  if (remembered.knows(std::to_string(mine)) || remembered.knows(too_slow, between_slow_lists))
    co_return;
  const std::optional<owner> found =
      co_await owner_of(rt, archive, std::move(reading), &remembered, patience_of_a_push);
  if (!found) co_return;
  require_same(file.name.text, mine, *found);
  remembered.remember(std::to_string(mine));
}

task<> require_cluster_of_archive(
    io::runtime& rt, store::store& archive, std::uint64_t system_identifier) {
  io::block_budget reading = co_await rt.blocks().reserve(1);
  const std::optional<owner> found =
      co_await owner_of(rt, archive, std::move(reading), nullptr, patience_of_a_backup);
  if (found) require_same("What is to be backed up", system_identifier, *found);
}

task<> cluster_check::ask(archivable file, io::block_budget reading) {
  try {
    co_await require_cluster_of_archive(rt_, archive_, std::move(file), std::move(reading));
  } catch (...) {
    objection_ = std::current_exception();
  }
  answered_ = true;
  changed_.notify_all();
}

task<> cluster_check::passed() {
  while (!answered_)
    co_await changed_.wait();
  if (objection_) std::rethrow_exception(objection_);
}

} // namespace wale::command
